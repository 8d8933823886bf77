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

_OF_MACHINE = (duckdb.IOException, duckdb.FatalException, duckdb.InternalException, duckdb.OutOfMemoryException)

_OF_SERVER = re.compile("connect|server|fetch|Failed to (prepare|execute|copy|commit|begin)|Postgres", re.IGNORECASE)
"""What DuckDB says where not the query is wrong."""


@contextmanager
def server_errors(place: str, failed: str) -> Iterator[None]:
    """Raises WarehouseError for what the server at `place` or the way to it causes; other errors may be defects."""
    try:
        yield
    except (psycopg.Error, duckdb.Error) as error:
        said = shortened(on_one_line(str(error).split("Stack Trace:")[0]), 300)
        if not isinstance(error, (psycopg.Error, *_OF_MACHINE)) and not _is_of_server(error, said):
            raise
        raise WarehouseError(f"the warehouse {place} {failed}: {said}; {_advice(said)}") from error


def _is_of_server(error: Exception, said: str) -> bool:
    """Whether an error of DuckDB comes from the server; a query that the server binds fails as a wrong one does."""
    if isinstance(error, _OF_QUERY):
        return re.search("server closed|connection|terminating", said) is not None
    return _OF_SERVER.search(said) is not None


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
    if re.search("NULL-byte|null byte", said):
        return "a text has the character U+0000, which PostgreSQL cannot store; take it out of the recipe"
    if re.search("duplicate key|unique constraint", said):
        return "these rows are there twice; slingshot audit names what is wrong with the warehouse that they come from"
    if re.search("out of memory|could not allocate", said, re.IGNORECASE):
        return "close other programs"
    if re.search("could not serialize|deadlock", said):
        return "another program changed the same rows; run the command again"
    return "check that the server runs and can be reached; nothing that was committed is lost"
