"""What a user's SQL may not do where the tables are those of a server."""

from __future__ import annotations

import re

import duckdb

from warehouse.store.engine import of_server

_RECURSIVE = re.compile(r"\bRECURSIVE\b", re.IGNORECASE)
_OF_THE_EXTENSION = re.compile(r"\b(postgres_\w+|pg_clear_cache)\s*\(", re.IGNORECASE)


def refused(connection: duckdb.DuckDBPyConnection, sql: str) -> str | None:
    """Why a user's query or condition cannot run on a connection; None where it can.

    In a file, a connection that reads can do nothing else, and recursive queries find what they should.
    """
    if not of_server(connection):
        return None
    if _RECURSIVE.search(sql):
        return (
            "DuckDB reads a table of PostgreSQL only once in a recursive query, and would find too few rows: use "
            "lineage.ancestors or lineage.descendants"
        )
    if found := _OF_THE_EXTENSION.search(sql):
        return f"{found[1]} asks the server itself, where a query could also write: ask the tables"
    return None
