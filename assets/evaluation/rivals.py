"""Which answer of the baseline an answer of an arm is compared with, where answers are compared in pairs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

WIN = "win_rate"
"""The metric of such a benchmark: 1 where the arm wins an item, 0 where the baseline does, 0.5 for a tie."""

Row = dict[str, Any]


def rivals(own: pl.DataFrame, other: pl.DataFrame) -> Iterator[tuple[Row, Row | None]]:
    """Each answer of an arm (columns seed and item, and any others) with that of the baseline to the same item.

    The nth training seed of the arm is compared with the nth seed of the baseline, starting over if there are fewer
    (ours). It is None where the baseline has no answer to the item.
    """
    against: dict[str, list[Row]] = {}
    for row in other.sort("seed").iter_rows(named=True):
        against.setdefault(row["item"], []).append(row)
    number_of = {one: number for number, one in enumerate(own["seed"].unique().sort().to_list())}
    for row in own.iter_rows(named=True):
        found = against.get(row["item"])
        yield row, found[number_of[row["seed"]] % len(found)] if found else None
