"""Metrics of a prediction against human text, both from 0 to 1.

`meteor_exact_stem` is METEOR (Banerjee and Lavie 2005, https://aclanthology.org/W05-0909) as nltk computes it, with
its exact and stem modules. The WordNet module is off, because its data is not a Python package. `rouge_l` is the
F-measure of ROUGE-L (Lin 2004, https://aclanthology.org/W04-1013) as rouge-score computes it, with stemming.

Both packages split English texts. Ours: texts in any script are split into words (see warehouse/core/words.py), English
ones in the same way, and a text without any letter or digit is compared by its characters. The stems are English ones.

Worked example: "the cat sat" against itself scores METEOR 0.981 (three matches in one chunk) and ROUGE-L 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING

from warehouse.core.words import tokens, tokens_and_punctuation

if TYPE_CHECKING:
    from rouge_score.rouge_scorer import RougeScorer


class _NoSynonyms:
    """Replaces WordNet in nltk; has no synonyms."""

    def synsets(self, *_: object) -> list[object]:
        return []


def meteor_exact_stem(prediction: str, reference: str) -> float:
    """METEOR with nltk's defaults (alpha 0.9, beta 3, gamma 0.5), exact and stem matches; 0 if a text is blank."""
    from nltk.stem.porter import PorterStemmer  # importing nltk takes over a second; keep it out of the UI
    from nltk.translate.meteor_score import single_meteor_score

    return float(
        single_meteor_score(
            tokens_and_punctuation(reference),
            tokens_and_punctuation(prediction),
            stemmer=PorterStemmer(),
            wordnet=_NoSynonyms(),
        )
    )


def rouge_l(prediction: str, reference: str) -> float:
    """ROUGE-L F-measure with stemming; 0 if a text is blank."""
    return float(_scorer().score(reference, prediction)["rougeL"].fmeasure)


@cache
def _scorer() -> RougeScorer:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rougeL"], tokenizer=_Stems())


class _Stems:
    """A tokenizer with the stems of rouge-score: words of more than three characters are stemmed."""

    def __init__(self) -> None:
        from nltk.stem.porter import PorterStemmer

        self._stem = PorterStemmer().stem

    def tokenize(self, text: str) -> list[str]:
        return [self._stem(token) if len(token) > 3 else token for token in tokens(text)]


METRICS: Mapping[str, Callable[[str, str], float]] = {
    "meteor_exact_stem": meteor_exact_stem,
    "rouge_l": rouge_l,
}
"""Maps the name of a metric in score records to its function of (prediction, reference)."""
