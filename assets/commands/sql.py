"""A query of a user in the warehouse, which may only read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from assets.commands.results import BadQuery

if TYPE_CHECKING:
    import polars as pl

    from warehouse.store.warehouse import Warehouse


_SEVERAL_READS = re.compile(r"\bRECURSIVE\b(?!.*(?<!NOT )\bMATERIALIZED\b)", re.IGNORECASE | re.DOTALL)
"""A recursive query in which no table is materialized."""


def select(database: Warehouse, query: str) -> pl.DataFrame:
    """What a query in DuckDB's SQL finds. Raises BadQuery where it is not valid, is more than one statement, or is no
    SELECT."""
    import duckdb

    from warehouse.store.engine import of_server

    with database.read() as connection:
        try:
            kinds = [statement.type for statement in duckdb.extract_statements(query)]
            if kinds != [duckdb.StatementType.SELECT]:
                found = ", ".join(kind.name for kind in kinds) or "nothing"
                raise BadQuery(f"only a query that reads can run here: expected one SELECT, found {found}")
            if of_server(connection) and _SEVERAL_READS.search(query):
                raise BadQuery(
                    "DuckDB reads a table of PostgreSQL only once in a recursive query, and would find too few rows: "
                    "use lineage.ancestors or lineage.descendants, or read each table in a CTE AS MATERIALIZED first"
                )
            return connection.execute(query).pl()
        except duckdb.Error as error:
            raise BadQuery(f"the query cannot be run: {error}") from error
