"""Decontamination: find training rows that share text with a benchmark item, and name the item.

There are four tests, each stronger than the one before: a text of the item, by the rules for all sources (see
assets/sources/leaks.py); a shared run of `ngram` words (13, as in GPT-3, arXiv 2005.14165, appendix C; in lower case,
without punctuation); a `share` of a text's short runs (see shared_runs.py); and an instruction whose embedding has a
cosine above `similarity` to an item's instruction (ours: the published way to find paraphrases asks a model, arXiv
2311.04850). Every text of every item is compared, whatever its benchmark. Texts in an item's `details` are compared by
their runs alone, since one may be an answer choice that many rows contain.

Worked example: with runs of 3 words, "crush the basil well" shares "crush the basil" with "Then crush the basil."
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assets.curation.runs import runs
from assets.curation.shared_runs import SharedRuns
from assets.recipe.types import Decontamination
from assets.sources.leaks import REASON, Leaks
from assets.sources.suspects import Suspects
from warehouse.core.errors import UserError
from warehouse.core.texts import texts_in

TEXTS, ITEM_TEXTS = ("instruction", "response", "input"), ("instruction", "reference", "input")

SHARE = "a share of a benchmark item"

_BLOCK = 4096
_ROUNDING = 1e-9
"""More than products of the same vectors in another order of summation differ."""

Embedded = Sequence[float] | NDArray[np.float32]
"""The unit-length embedding of an instruction."""

Vectors = Mapping[str, Embedded]
"""Embeddings by the id of a pair or an item."""


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
        texts = ((row["id"], text) for row in items.iter_rows(named=True) for text in _texts(row))
        self._shared = SharedRuns(texts) if self.settings.share else None
        missing = 0 if vectors is None else sum(row["id"] not in vectors for row in backwards)
        if missing:
            raise UserError(
                f"{missing} of {self.count} benchmark items have no embedding to compare instructions with; build "
                "benchmark_embeddings again, or remove curation.decontamination.similarity"
            )
        self._items = list(vectors or {})
        self._matrix = _matrix(list((vectors or {}).values()))

    @cached_property
    def _suspects(self) -> Suspects:
        return Suspects([*self._leaks.runs, *self._runs, *(self._shared.runs if self._shared else ())])

    def overlaps(self, rows: pl.DataFrame, vectors: Vectors | None = None) -> dict[str, Overlap]:
        """What each of the `rows` (columns id, instruction, input, response) shares with an item, by the row's id."""
        vectors, found = vectors or {}, {}
        suspects = self._suspects.among(rows.select(TEXTS)) | self._may_be_near(rows["id"], vectors)
        for row in rows.filter(suspects).iter_rows(named=True):
            if overlap := self.overlap(row, vectors.get(row["id"])):
                found[row["id"]] = overlap
        return found

    def _may_be_near(self, ids: pl.Series, vectors: Vectors) -> pl.Series:
        """For each id whether its vector may be near that of an item: none is left out that is."""
        cut, near = self.settings.similarity, np.zeros(len(ids), dtype=bool)
        known = [place for place, row in enumerate(ids) if row in vectors] if cut is not None and self._items else []
        for start in range(0, len(known), _BLOCK):
            some = known[start : start + _BLOCK]
            cosines = np.asarray([vectors[ids[place]] for place in some], dtype=np.float64) @ self._matrix.T
            near[some] = cosines.max(axis=1) > (cut or 0) - _ROUNDING
        return pl.Series(near)

    def overlap(self, row: Mapping[str, Any], vector: Embedded | None = None) -> Overlap | None:
        """What a row (instruction, input, response) shares with a benchmark item; None if it shares nothing."""
        if item := self._leaks.item(row):
            return Overlap(REASON, item)
        row_runs = (run for name in TEXTS for run in runs(row[name], self.settings.ngram, self._units))
        shared = [item for run in row_runs if (item := self._runs.get(run))]
        if shared:
            return Overlap(f"{self.settings.ngram} words in a row of a benchmark item", shared[0], len(shared), 0)
        return self._share(row) or self._near(vector)

    def _share(self, row: Mapping[str, Any]) -> Overlap | None:
        if self._shared is None or self.settings.share is None:
            return None
        found = [largest for name in TEXTS if (largest := self._shared.largest(row[name]))]
        item, share = max(found, key=lambda one: one[1], default=("", 0.0))
        return Overlap(SHARE, item, share, self.settings.share) if share >= self.settings.share else None

    def _near(self, vector: Embedded | None) -> Overlap | None:
        cut = self.settings.similarity
        if cut is None or vector is None or not self._items:
            return None
        cosines = self._matrix @ np.asarray(vector, dtype=np.float64)
        best = int(cosines.argmax())
        if cosines[best] <= cut:
            return None
        return Overlap("similar to a benchmark item", self._items[best], float(cosines[best]), cut)


def _texts(item: Mapping[str, Any]) -> Iterator[str]:
    yield from (item[name] for name in ITEM_TEXTS)
    details = item.get("details") or ""
    try:
        yield from texts_in(json.loads(details or "null"))
    except json.JSONDecodeError:
        yield details


def _matrix(vectors: Sequence[Embedded]) -> NDArray[np.float64]:
    return np.asarray(vectors, dtype=np.float64)
