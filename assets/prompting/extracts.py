"""Parts of a text that need no model: its keywords, or one of its sentences.

Keywords come from YAKE (Campos et al. 2020, https://doi.org/10.1016/j.ins.2019.09.013). We chose it because it looks at
one document at a time: an added document does not change the fragments of the others. It needs spaces between words. In
scripts without them, the keywords are the words of two or more characters whose occurrences are longest in sum (ours).

Worked example: "Pesto is a sauce. It comes from Genoa." has the keywords "Pesto, sauce, Genoa" and the sentence "It
comes from Genoa.".
"""

from __future__ import annotations

from collections import Counter

from warehouse.core.sentences import sentences
from warehouse.core.words import mostly_spaceless, tokens


def keywords(text: str, count: int, phrase_words: int) -> str:
    """The `count` best key phrases of at most `phrase_words` words, best first, joined by commas."""
    if mostly_spaceless(text):
        found = Counter(word for word in tokens(text) if len(word) > 1)
        return ", ".join(sorted(found, key=lambda word: -found[word] * len(word))[:count])
    # Its import takes a quarter of a second, which no other command needs.
    from yake import KeywordExtractor

    ranked = KeywordExtractor(lan="en", n=phrase_words, top=count).extract_keywords(text)
    return ", ".join(phrase for phrase, _ in sorted(ranked, key=lambda item: (item[1], item[0])))


def random_sentence(text: str, seed: int) -> str:
    """One sentence of the text, chosen by `seed`; "" if the text has none."""
    found = sentences(text)
    return found[seed % len(found)] if found else ""
