"""How many rows each two training sets share. Two students of which one learned half of the other's rows cannot differ
as two with rows of their own, so a comparison says it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import duckdb
import polars as pl

from assets.steps import names
from warehouse.audit.versions import with_upstream
from warehouse.store.published import Published
from warehouse.store.versions import Store

_SHARED = """
WITH kept AS (
    SELECT arm, place, record FROM lineage.decisions JOIN sets USING (asset, version) WHERE outcome = 'kept'
), sizes AS (SELECT arm, count(*) AS size FROM kept GROUP BY arm)
SELECT one.arm, any_value(s.size), other.arm, any_value(t.size), count(*)
FROM kept one JOIN kept other ON one.record = other.record AND one.place < other.place
JOIN sizes s ON s.arm = one.arm JOIN sizes t ON t.arm = other.arm
GROUP BY one.arm, one.place, other.arm, other.place ORDER BY one.place, other.place
"""


@dataclass(frozen=True)
class Overlap:
    """`rows` pairs are in the training set of `arm`, which has `size`, and in that of `other`."""

    arm: str
    size: int
    other: str
    other_size: int
    rows: int

    def turned(self) -> Overlap:
        """The same, seen from the other arm."""
        return Overlap(self.other, self.other_size, self.arm, self.size, self.rows)


def current_overlaps(store: Store, arms: Iterable[str]) -> list[Overlap]:
    """The overlaps of the training sets of `arms` that are built now, of each two that share a row."""
    catalog = store.catalog()
    built = {arm: catalog.current(names.training_set(arm)) for arm in arms}
    with store.database.read() as connection:
        return _overlaps(connection, {arm: one.version for arm, one in built.items() if one})


def overlaps_behind(store: Store, leaderboard: Published, arms: Iterable[str]) -> list[Overlap]:
    """The overlaps of the training sets that a leaderboard was made from."""
    with store.database.read() as connection:
        version = dict(with_upstream(connection, leaderboard.asset, leaderboard.version))
        sets = {arm: version[names.training_set(arm)] for arm in arms if names.training_set(arm) in version}
        return _overlaps(connection, sets)


def with_baseline(found: Iterable[Overlap], baseline: str) -> list[Overlap]:
    """The overlaps of `baseline` with other arms, seen from it."""
    turned = (one.turned() if one.other == baseline else one for one in found)
    return [one for one in turned if one.arm == baseline]


def _overlaps(connection: duckdb.DuckDBPyConnection, versions: Mapping[str, str]) -> list[Overlap]:
    """Of each two arms that share a row, in the order of `versions` (by arm)."""
    sets = pl.DataFrame(
        [(arm, names.training_set(arm), version, place) for place, (arm, version) in enumerate(versions.items())],
        schema={"arm": pl.String, "asset": pl.String, "version": pl.String, "place": pl.Int64},
        orient="row",
    )
    connection.register("sets", sets)
    found = [Overlap(*row) for row in connection.execute(_SHARED).fetchall()]
    connection.unregister("sets")
    return found
