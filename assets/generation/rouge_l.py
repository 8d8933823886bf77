"""ROUGE-L of a text with the closest of many texts, without stemming: the F-measure of the package rouge_score.

The package splits English texts; `tokens` splits texts in any script, and English ones in the same way.

The longest common subsequence of two texts takes a table of words by words. The number of words that both texts have,
in any order, is an upper bound on its length; with this bound most pairs of texts need no table.

Worked example: "Name a red fish." and "Name a red fruit." have 3 of 4 words in common and in order: 0.75.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from warehouse.core.words import tokens


class Closest:
    """Texts to compare with, each split into words once."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        from rouge_score.rouge_scorer import RougeScorer  # imports nltk, which takes a second

        self._scorer = RougeScorer(["rougeL"], tokenizer=_Split())
        self._texts: list[tuple[list[str], Counter[str]]] = []
        for text in texts:
            self.add(text)

    def add(self, text: str) -> None:
        """Add `text` to the texts to compare with."""
        words = tokens(text)
        self._texts.append((words, Counter(words)))

    def to(self, text: str, above: float) -> tuple[int, float] | None:
        """The (position, score) of the first text with the highest score, or None if no score exceeds `above`."""
        words = tokens(text)
        counted = Counter(words)
        found = None
        for place, (other, others) in enumerate(self._texts):
            if _f_measure(min(len(other), len(words)), other, words) <= above:
                continue
            shared = sum(min(count, others[word]) for word, count in counted.items())
            if _f_measure(shared, other, words) <= above:
                continue
            score = float(self._scorer.score(other, words)["rougeL"].fmeasure)
            if score > above:
                found, above = (place, score), score
        return found


def _f_measure(common: int, target: list[str], prediction: list[str]) -> float:
    """The F-measure of `common` words, rounded as the scorer does: otherwise a bound could lie below a score."""
    if not common:
        return 0.0
    precision, recall = common / len(prediction), common / len(target)
    return 2 * precision * recall / (precision + recall)


class _Split:
    """A tokenizer for texts that are already split into words."""

    def tokenize(self, words: list[str]) -> list[str]:
        return words
