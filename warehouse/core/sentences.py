"""The sentences of a text, and what is left of a text that was cut off.

segtok knows where an English sentence ends and which full stops only shorten a word. It expects a space after each
sentence. So the full stops of other scripts (Unicode's Sentence_Terminal, such as 。 and ।) end one here as well, with
the quotes and brackets after them, and so does "." between two characters of a script without spaces.

Thai and Lao have no full stop: spaces stand between phrases, and "." shortens a word. A text in them that was cut off
ends at its last phrase, "?" or "!" (ours).

Worked example: "茶是一种饮料。它很好喝。然后我们" was cut off; its whole sentences are "茶是一种饮料。它很好喝。".
"""

from __future__ import annotations

import itertools
import re

import regex
from segtok.segmenter import split_single

from warehouse.core.words import SPACELESS

_OTHER_STOP = r"[\p{Sentence_Terminal}--[.!?]]"
_CLOSING = r"[\"'”’)\]\p{Pe}\p{Pf}]*+"
_BREAK = regex.compile(
    rf"(?<!{_OTHER_STOP}){_OTHER_STOP}[\p{{Sentence_Terminal}}…]*+{_CLOSING}(?<!．)(?!\s*[,，、]|\Z)"
    rf"|(?<!^\s*\p{{N}}+)．{_CLOSING}(?!\p{{N}}|\Z)"
    rf"|(?<=[{SPACELESS}][\"'”’)\]\p{{Pe}}\p{{Pf}}]*)[.!?]+{_CLOSING}(?=[\p{{Pi}}\p{{Ps}}]*[{SPACELESS}])",
    regex.V1,
)
_FINISHED = regex.compile(rf"[\p{{Sentence_Terminal}}…]{_CLOSING}$", regex.V1)
_LIST_NUMBER = re.compile(r"^\d+[.)．）]$")

_THAI = r"[\p{Thai}\p{Lao}--[ๆໆ]]"
_THAI_LETTER, _LETTER = regex.compile(r"[\p{Thai}\p{Lao}&&\p{L}]", regex.V1), regex.compile(r"\p{L}")
_THAI_PHRASES = regex.compile(rf".*(?:[!?]{_CLOSING}|{_THAI}(?=\s+{_THAI}))", regex.V1 | regex.DOTALL)


def sentences(text: str) -> list[str]:
    """The stripped sentences of the text, in order; a line always ends one."""
    return [part for one in split_single(text) for part in _parts(one) if part]


def whole_sentences(text: str, complete: bool) -> str:
    """The stripped text; if it was cut off, only up to its last finished sentence, or "" if it has none."""
    text = text.strip()
    if complete or not text:
        return text
    if 2 * len(_THAI_LETTER.findall(text)) > len(_LETTER.findall(text)):
        found = text if _FINISHED.search(text) and text[-1] != "." else _THAI_PHRASES.match(text)
        return found if isinstance(found, str) else found.group() if found else ""
    for sentence in reversed(sentences(text)):
        if _FINISHED.search(sentence) and not _LIST_NUMBER.match(sentence):
            return text
        # segtok replaces rare line separators. Then the sentence is not found, and no sentence counts as whole.
        text = text[: max(0, text.rfind(sentence))].rstrip()
    return text


def _parts(sentence: str) -> list[str]:
    """The sentence, divided where another script ends one."""
    ends = [0, *(found.end() for found in _BREAK.finditer(sentence)), len(sentence)]
    return [sentence[start:end].strip() for start, end in itertools.pairwise(ends)]
