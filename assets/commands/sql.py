"""A query of a user in the warehouse, which may only read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assets.commands.results import BadQuery

if TYPE_CHECKING:
    import polars as pl

    from warehouse.store.warehouse import Warehouse


def select(database: Warehouse, query: str) -> pl.DataFrame:
    """What a query in DuckDB's SQL finds. Raises BadQuery where it is not valid, is more than one statement, or is no
    SELECT."""
    import duckdb

    try:
        kinds = [statement.type for statement in duckdb.extract_statements(query)]
        if kinds != [duckdb.StatementType.SELECT]:
            found = ", ".join(kind.name for kind in kinds) or "nothing"
            raise BadQuery(f"only a query that reads can run here: expected one SELECT, found {found}")
        try:
            return _selected(database, query)
        except duckdb.CatalogException:
            # Another process may have built an asset since this one opened the warehouse.
            database.show_assets()
            return _selected(database, query)
    except duckdb.Error as error:
        raise BadQuery(f"the query cannot be run: {error}") from error


def _selected(database: Warehouse, query: str) -> pl.DataFrame:
    from warehouse.store.user_sql import refused

    with database.read() as connection:
        if why := refused(connection, query):
            raise BadQuery(why)
        return connection.execute(query).pl()
