"""What PostgreSQL, or the way to it, may say, as one clear error with what would help."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import psycopg

from warehouse.core.texts import on_one_line, shortened
from warehouse.store.warehouse import WarehouseError

_OF_QUERY = (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException, duckdb.ConversionException)

_OF_SERVER = re.compile("connect|server|fetch|Failed to (prepare|execute|copy|commit|begin)|Postgres", re.IGNORECASE)
"""What DuckDB says where not the query is wrong."""


@contextmanager
def server_errors(place: str, failed: str) -> Iterator[None]:
    """Raises WarehouseError for what the server at `place` or the way to it causes; other errors may be defects."""
    try:
        yield
    except (psycopg.Error, duckdb.Error) as error:
        said = shortened(on_one_line(str(error).split("Stack Trace:")[0]), 300)
        if isinstance(error, _OF_QUERY) or (isinstance(error, duckdb.Error) and not _OF_SERVER.search(said)):
            raise
        raise WarehouseError(f"the warehouse {place} {failed}: {said}; {_advice(said)}") from error


def _advice(said: str) -> str:
    """What would help, by the message of the server or of its client."""
    if re.search("password|authentication|role .* does not exist|permission denied", said):
        return "check the user in the URL, and the password in PGPASSWORD or ~/.pgpass"
    if re.search('database "?[^ ]*"? does not exist', said):
        return "create it with createdb"
    if re.search("too many clients|remaining connection slots", said):
        return "end other programs that use the server, or raise its max_connections"
    if re.search("no space|disk full", said, re.IGNORECASE):
        return "make room on the disk of the server; nothing that was committed is lost"
    if re.search("could not serialize|deadlock", said):
        return "another program changed the same rows; run the command again"
    return "check that the server runs and can be reached; nothing that was committed is lost"
