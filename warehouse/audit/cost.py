"""What assets have cost: the model calls behind them, also those of rows that were dropped on the way."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import duckdb
import polars as pl

from warehouse.audit.behind import Place, chain


@dataclass(frozen=True)
class Cost:
    """Model calls with their tokens (read and written) and seconds of model time, as they were when computed."""

    calls: int = 0
    tokens: int = 0
    seconds: float = 0.0


Stages = Mapping[str, Collection[Place]]
"""Name of a stage, such as data, training and evaluation, to the stored versions that it made."""


def made_by(connection: duckdb.DuckDBPyConnection, place: Place) -> set[Place]:
    """A stored version and all that it was made from, however far back."""
    row = connection.execute("SELECT inputs FROM lineage.versions WHERE asset = ? AND version = ?", place).fetchone()
    return {place, *chain(connection, json.loads(row[0]))} if row else set()


def costs(connection: duckdb.DuckDBPyConnection, stages: Stages) -> dict[str, Cost]:
    """The cost of each stage; a call counts once, in the first stage that made use of it.

    So it is what these stages alone would have taken: what several arms share is in the cost of each. A call counts
    where a version decided anything about what came of it, so that a rejected row costs what it took. Failed attempts
    are not in it, since nothing came of them.
    """
    found, before = {}, set[Place]()
    for name, places in stages.items():
        found[name] = _cost(connection, places, before)
        before |= set(places)
    return found


def _cost(connection: duckdb.DuckDBPyConnection, places: Collection[Place], before: Collection[Place]) -> Cost:
    connection.register("places", _frame(sorted(places)))
    connection.register("earlier", _frame(sorted(before)))
    calls = (
        "SELECT DISTINCT key FROM lineage.decisions SEMI JOIN {} USING (asset, version) "
        "JOIN lineage.edges ON child = record JOIN memo.calls ON key = parent"
    )
    row = connection.execute(
        "SELECT count(*), coalesce(sum(tokens), 0)::BIGINT, coalesce(sum(seconds), 0) FROM memo.calls "
        f"SEMI JOIN ({calls.format('places')}) USING (key) ANTI JOIN ({calls.format('earlier')}) USING (key)"
    ).fetchone()
    connection.unregister("places")
    connection.unregister("earlier")
    return Cost(*row) if row else Cost()


def _frame(places: Sequence[Place]) -> pl.DataFrame:
    return pl.DataFrame(places, schema={"asset": pl.String, "version": pl.String}, orient="row")
