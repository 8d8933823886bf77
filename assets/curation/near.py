"""Rows that are alike, as a rule reads them: of each row all others that it resembles, and how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray


@dataclass(frozen=True)
class Near:
    """Row r resembles the rows `others[starts[r]:starts[r + 1]]`, with these `cosines`."""

    starts: NDArray[np.int64]
    others: NDArray[np.int64]
    cosines: NDArray[np.float32]

    def of(self, row: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The rows that `row` resembles, and their cosines to it."""
        found = slice(self.starts[row], self.starts[row + 1])
        return self.others[found], self.cosines[found]


NOTHING_NEAR = Near(np.zeros(1, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32))
"""What a rule gets that does not read neighbours."""


def near_among(records: pl.DataFrame, ids: Sequence[str]) -> Near:
    """The neighbours among the pairs `ids`, by their places; `records` (embedded, near, cosines) have each once."""
    places = pl.DataFrame({"embedded": ids}, schema={"embedded": pl.String}).with_row_index("place")
    once = pairs_among(records, places)
    return near_of(once["place"].to_numpy(), once["place_near"].to_numpy(), once["cosine"].to_numpy(), len(ids))


def pairs_among(records: pl.DataFrame, places: pl.DataFrame) -> pl.DataFrame:
    """The pairs of records (embedded, near, cosines) that both have a place in `places` (embedded, place).

    Columns place, place_near, cosine; each pair is there once."""
    listed = records.select("embedded", "near", "cosines").filter(pl.col("near").list.len() > 0)
    now = places.select("embedded", pl.col("place").cast(pl.Int64))
    both = listed.explode("near", "cosines").join(now, on="embedded")
    both = both.join(now, left_on="near", right_on="embedded", suffix="_near")
    return both.select("place", "place_near", cosine=pl.col("cosines").cast(pl.Float32))


def near_of(one: NDArray[np.int64], other: NDArray[np.int64], cosines: NDArray[np.float32], count: int) -> Near:
    """The neighbours among `count` rows, from pairs of rows that are each given once."""
    rows, others = np.concatenate([one, other]), np.concatenate([other, one])
    order = np.lexsort((others, rows))
    starts = np.searchsorted(rows[order], np.arange(count + 1))
    return Near(starts, others[order], np.concatenate([cosines, cosines])[order])
