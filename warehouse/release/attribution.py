"""The human texts that rows were made from: what a licence such as CC BY-SA wants to be named beside a text."""

from __future__ import annotations

from collections.abc import Collection

import duckdb
import polars as pl

from warehouse.store.engine import recursive

COLUMNS = ("sources", "titles", "licences")
"""Lists of equal length: for each source row behind a row, its source, its title and its licence."""

UNKNOWN = "unknown"

_BEHIND = """
WITH RECURSIVE edges AS NOT MATERIALIZED (
    SELECT child, parent FROM lineage.edges JOIN lineage.records ON id = parent WHERE kind <> 'checkpoint'
), up(row, id) AS (
    SELECT id, id FROM asked
    UNION SELECT up.row, e.parent FROM up JOIN edges e ON e.child = up.id
), texts AS (
    SELECT id, source, title FROM records.document
    UNION ALL SELECT id, source, instruction FROM records.seed_task
    UNION ALL SELECT id, NULL, instruction FROM records.benchmark_item
)
SELECT up.row, coalesce(m.name, t.source, ?), t.title, coalesce(m.licence, ?) FROM up JOIN texts t USING (id)
LEFT JOIN lineage.edges e ON e.child = t.id AND e.role = 'source' LEFT JOIN lineage.described m ON m.id = e.parent
GROUP BY ALL ORDER BY ALL
"""


def attributions(connection: duckdb.DuckDBPyConnection, rows: Collection[str]) -> pl.DataFrame:
    """The source rows that each of `rows` (ids) was made from, as the columns `id` and COLUMNS, in the order of `rows`.

    These are the rows whose text it holds, and those that a model saw as examples when it wrote it. What a model was
    tuned on does not count: it is in the list of materials. The title of a seed task or a benchmark item is its
    instruction. A row that a model wrote from nothing has empty lists.
    """
    connection.register("asked", pl.DataFrame({"id": list(rows)}, schema={"id": pl.String}))
    found = connection.execute(recursive(connection, _BEHIND), [UNKNOWN, UNKNOWN]).fetchall()
    connection.unregister("asked")
    by_row: dict[str, list[tuple[str, ...]]] = {}
    for row, *said in found:
        by_row.setdefault(row, []).append(tuple(said))
    listed = [[[one[place] for one in by_row.get(row, [])] for row in rows] for place in range(len(COLUMNS))]
    columns = {name: pl.Series(name, values, pl.List(pl.String)) for name, values in zip(COLUMNS, listed, strict=True)}
    return pl.DataFrame({"id": pl.Series("id", list(rows), pl.String), **columns})
