"""What assets have cost: their model calls, including the calls for rows that were dropped."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import duckdb
import polars as pl

from warehouse.audit.ancestry import Place


@dataclass(frozen=True)
class Cost:
    """Model calls with their tokens and seconds of model time, as measured when they were computed.

    `tokens` counts what a completion wrote, what a training read, and the target tokens of a loss; for an embedding it
    counts words. Prompts are not counted."""

    calls: int = 0
    tokens: int = 0
    seconds: float = 0.0


Stages = Mapping[str, Collection[Place]]
"""The stored versions that each stage made, by the name of the stage, such as data, training and evaluation."""


def costs(connection: duckdb.DuckDBPyConnection, stages: Stages) -> dict[str, Cost]:
    """The cost of each stage. A call counts once, in the first stage that used it.

    This is what these stages would have cost alone: the cost of each arm includes what it shares with other arms. A
    call counts if a version decided about a row that was made from it, so rejected rows count too. If a call was
    answered within several budgets, only the answer with the largest budget counts, because a row is made from one
    answer. Failed attempts do not count.
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
        "SELECT count(*), coalesce(sum(tokens), 0)::BIGINT, coalesce(sum(seconds), 0) FROM ("
        f"FROM memo.calls SEMI JOIN ({calls.format('places')}) USING (key) "
        f"ANTI JOIN ({calls.format('earlier')}) USING (key) "
        "QUALIFY row_number() OVER (PARTITION BY key ORDER BY budget DESC) = 1)"
    ).fetchone()
    connection.unregister("places")
    connection.unregister("earlier")
    return Cost(*row) if row else Cost()


def _frame(places: Sequence[Place]) -> pl.DataFrame:
    return pl.DataFrame(places, schema={"asset": pl.String, "version": pl.String}, orient="row")
