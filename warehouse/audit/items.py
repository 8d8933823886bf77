"""Where benchmark items come from, read from their lineage."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import polars as pl


def origins_of(connection: duckdb.DuckDBPyConnection, items: Sequence[str]) -> pl.DataFrame:
    """Each of `items` (ids of benchmark items) with its benchmark, its details and the name of its source."""
    connection.register("wanted", pl.DataFrame({"id": items}, schema={"id": pl.String}).unique())
    return connection.execute(
        "SELECT i.id, i.benchmark, i.details, m.name AS source "
        "FROM wanted JOIN records.benchmark_item i USING (id) "
        "JOIN lineage.edges e ON e.child = i.id AND e.role = 'source' "
        "JOIN lineage.described m ON m.id = e.parent ORDER BY ALL"
    ).pl()
