"""ROUGE-L of a text with the closest of many, without stemming: rouge_score's F-measure, asked for where it counts.

A longest common subsequence takes a table of words by words. The words that two texts share, whatever their order,
bound its length from above, and most pairs need no table for that.

Worked example: "Name a red fish." and "Name a red fruit." have 3 of 4 words in common and in order: 0.75.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable


class Closest:
    """The texts so far, each split into words once."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        from rouge_score.rouge_scorer import RougeScorer  # imports nltk, a second that the UI should not pay
        from rouge_score.tokenizers import DefaultTokenizer

        self._split = DefaultTokenizer(use_stemmer=False).tokenize
        self._scorer = RougeScorer(["rougeL"], tokenizer=_Split())
        self._texts: list[tuple[list[str], Counter[str]]] = []
        for text in texts:
            self.add(text)

    def add(self, text: str) -> None:
        """Holds those that come later against `text` too."""
        words = self._split(text)
        self._texts.append((words, Counter(words)))

    def to(self, text: str, above: float) -> tuple[int, float] | None:
        """(place, score) of the first of the texts with the highest score, if that is above `above`."""
        words = self._split(text)
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
    """What the scorer makes of `common` words, by its own steps: otherwise rounded, a bound may lie below a score."""
    if not common:
        return 0.0
    precision, recall = common / len(prediction), common / len(target)
    return 2 * precision * recall / (precision + recall)


class _Split:
    """Stands for the scorer's tokenizer where the words are known."""

    def tokenize(self, words: list[str]) -> list[str]:
        return words
