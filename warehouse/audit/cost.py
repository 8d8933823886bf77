"""What assets have cost: the model calls behind them, also those of rows that were dropped on the way."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import duckdb
import polars as pl

from warehouse.audit.ancestry import Place


@dataclass(frozen=True)
class Cost:
    """Model calls with their tokens and seconds of model time, as they were when computed.

    `tokens` are those that a completion wrote, a training read, and a loss was measured over (the target's, not those
    of its prompt); of an embedding they are words. Prompts of completions are not in it."""

    calls: int = 0
    tokens: int = 0
    seconds: float = 0.0


Stages = Mapping[str, Collection[Place]]
"""Name of a stage, such as data, training and evaluation, to the stored versions that it made."""


def costs(connection: duckdb.DuckDBPyConnection, stages: Stages) -> dict[str, Cost]:
    """The cost of each stage; a call counts once, in the first stage that made use of it.

    So it is what these stages alone would have taken: what several arms share is in the cost of each. A call counts
    where a version decided anything about what came of it, so that a rejected row costs what it took. Of answers to the
    same call within several budgets the one of the largest counts: a row stands on one answer. Failed attempts are not
    in it, since nothing came of them.
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
