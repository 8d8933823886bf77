"""The answers that scores were made from, read from the lineage of the scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb
import polars as pl


def answers_behind(
    connection: duckdb.DuckDBPyConnection, scores: Sequence[str], budgets: Mapping[str, int]
) -> pl.DataFrame:
    """The predictions that `scores` (ids) were made from, each once, with the columns of a prediction and `complete`.

    `budgets` are the most tokens of an answer by benchmark; predictions of other benchmarks are left out. `complete` is
    false where the model was cut off at that budget, and null where its call is no longer on record.
    """
    wanted = pl.DataFrame({"id": scores}, schema={"id": pl.String})
    limits = pl.DataFrame([*budgets.items()], schema={"benchmark": pl.String, "budget": pl.Int64}, orient="row")
    connection.register("wanted", wanted)
    connection.register("limits", limits)
    return connection.execute(
        # A call may be on record with several budgets; an answer within a smaller one is as complete as it was there.
        "SELECT p.*, coalesce(bool_or(c.complete) FILTER (c.budget = l.budget), bool_or(c.complete)) AS complete "
        "FROM wanted w JOIN lineage.edges s ON s.child = w.id AND s.role = 'prediction' "
        "JOIN records.prediction p ON p.id = s.parent JOIN limits l ON l.benchmark = p.benchmark "
        "LEFT JOIN lineage.edges e ON e.child = p.id AND e.role = 'call' "
        "LEFT JOIN memo.calls c ON c.key = e.parent "
        "AND (c.budget = l.budget OR (c.complete AND c.tokens <= l.budget)) "
        "GROUP BY ALL ORDER BY ALL"
    ).pl()
