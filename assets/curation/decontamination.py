"""Decontamination: find training rows that share text with a benchmark item, and name the item.

There are three tests, each stronger than the one before: a text of the item, by the rules for all sources (see
assets/sources/leaks.py); a shared run of `ngram` words (13, as in GPT-3, arXiv 2005.14165, appendix C; in lower case,
without punctuation); and an instruction whose embedding has a cosine above `similarity` to an item's instruction (ours:
the published way to find paraphrases asks a model, arXiv 2311.04850). Every text of every item is compared, whatever
its benchmark. Texts in an item's `details` are compared by their runs alone, since one may be an answer choice that
many rows contain.

In scripts without spaces between words a run is one of characters (ours): 2 Chinese or Japanese characters count as a
word, or 3 Thai, Lao, Khmer or Burmese ones. So 26 Chinese characters are 13 words.

Worked example: with runs of 3 words, "crush the basil well" shares "crush the basil" with "Then crush the basil."
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assets.recipe.types import Decontamination
from assets.sources.leaks import REASON, Leaks
from warehouse.core.comparing import run_units
from warehouse.core.errors import UserError
from warehouse.core.texts import texts_in
from warehouse.core.words import is_spaceless

TEXTS, ITEM_TEXTS = ("instruction", "response", "input"), ("instruction", "reference", "input")

Vectors = Mapping[str, Sequence[float]]
"""Id of a pair or an item to the unit-length embedding of its instruction."""


@dataclass(frozen=True)
class Overlap:
    """What a row shares with the benchmark item `item`; `score` is the number of shared runs, or the cosine."""

    reason: str
    item: str
    score: float | None = None
    cut: float | None = None


class BenchmarkTexts:
    """The texts of benchmark items (columns id, instruction, input, reference, details), which rows are compared with.

    Raises UserError where `vectors` are given but an item has none, since no row could be compared with it."""

    def __init__(self, items: pl.DataFrame, settings: Decontamination | None = None, vectors: Vectors | None = None):
        self.settings = settings or Decontamination(ngram=None)
        self.count = len(items)
        # Reversed, so that the first of several items with the same text is the one that is named.
        backwards = items.reverse().to_dicts()
        self._leaks = Leaks(items)
        words = self.settings.ngram
        self._runs = {run: row["id"] for row in backwards for text in _texts(row) for run in runs(text, words)}
        self._units = frozenset(unit for run in self._runs for unit in run)
        missing = 0 if vectors is None else sum(row["id"] not in vectors for row in backwards)
        if missing:
            raise UserError(
                f"{missing} of {self.count} benchmark items have no embedding to compare instructions with; build "
                "benchmark_embeddings again, or remove curation.decontamination.similarity"
            )
        self._items = list(vectors or {})
        self._matrix = _matrix(list((vectors or {}).values()))

    def overlap(self, row: Mapping[str, Any], vector: Sequence[float] | None = None) -> Overlap | None:
        """What a row (instruction, input, response) shares with a benchmark item; None if it shares nothing."""
        if item := self._leaks.item(row):
            return Overlap(REASON, item)
        row_runs = (run for name in TEXTS for run in runs(row[name], self.settings.ngram, self._units))
        shared = [item for run in row_runs if (item := self._runs.get(run))]
        if shared:
            return Overlap(f"{self.settings.ngram} words in a row of a benchmark item", shared[0], len(shared), 0)
        return self._near(vector)

    def _near(self, vector: Sequence[float] | None) -> Overlap | None:
        cut = self.settings.similarity
        if cut is None or vector is None or not self._items:
            return None
        cosines = self._matrix @ np.asarray(vector, dtype=np.float64)
        best = int(cosines.argmax())
        if cosines[best] <= cut:
            return None
        return Overlap("similar to a benchmark item", self._items[best], float(cosines[best]), cut)


def runs(text: str, words: int | None, known: Collection[str] | None = None) -> Iterator[tuple[str, ...]]:
    """Every run of `words` words of a text, in lower case and without punctuation; none if `words` is None.

    If the `known` units are given, runs with any other unit may be left out.
    """
    if words is None:
        return
    found = run_units(text)
    if not is_spaceless(text):
        start = 0
        for place, unit in enumerate(found):
            # A run with a word that no item has is told by this word, without looking it up as a whole.
            if known is not None and unit not in known:
                start = place + 1
            elif place + 1 - start >= words:
                yield tuple(found[place + 1 - words : place + 1])
        return
    # Up to each unit, how much the text holds, in sixths of a word.
    until = [0, *accumulate(map(_sixths, found))]
    end = 0
    for start in range(len(found)):
        while end < len(found) and until[end] - until[start] < 6 * words:
            end += 1
        if until[end] - until[start] >= 6 * words:
            yield tuple(found[start:end])


def _sixths(unit: str) -> int:
    if not is_spaceless(unit):
        return 6
    return 3 if unicodedata.east_asian_width(unit[0]) == "W" else 2


def _texts(item: Mapping[str, Any]) -> Iterator[str]:
    yield from (item[name] for name in ITEM_TEXTS)
    details = item.get("details") or ""
    try:
        yield from texts_in(json.loads(details or "null"))
    except json.JSONDecodeError:
        yield details


def _matrix(vectors: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    return np.asarray(vectors, dtype=np.float64)
