"""An engine of DuckDB that stays, to which the file of a warehouse is attached for as long as it is used.

Starting an engine registers thousands of functions, which takes several times as long as attaching a file. So the
process keeps one engine, for the file that was used last. The file itself is open, and locked against other processes,
only while it is attached.

Not safe for several threads with the same file: the caller has a lock for it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

ATTACHED = "warehouse"
"""The name of the file inside the engine."""

FRUGAL = "2GB"
"""Enough for questions about all rows, if they read them in parts. Without a limit, DuckDB keeps what it has read until
most of the memory is full."""

SERVER = "server"
"""The variable of DuckDB that is true in a session of PostgreSQL."""

AT_ONCE = 100
"""So many rows are in memory at a time: one checkpoint may have thousands of parents."""


@dataclass
class _Engine:
    """The engine for the file at `path`, which is attached while there are `users`."""

    path: Path
    connection: duckdb.DuckDBPyConnection
    users: int = 0


_ENGINES: dict[Path, _Engine] = {}
"""The engines whose file is in use, and the one that was used last."""
_LOCK = threading.Lock()
_OF_PARENTS: list[_Engine] = []


def connect(path: Path, read_only: bool) -> duckdb.DuckDBPyConnection:
    """A connection to the file at `path`. It may be one of several in this process that are alike in `read_only`.

    Raises duckdb.Error, such as IOException where another process has the file open.
    """
    with _LOCK:
        engine = _engine(path.resolve())
        engine.users += 1
    try:
        if engine.users == 1:
            place, mode = quoted(str(engine.path)), " (READ_ONLY)" if read_only else ""
            engine.connection.execute(f"ATTACH '{place}' AS {ATTACHED}{mode}")
        connection = engine.connection.cursor()
        # Without the setting, a query of some seconds draws a bar into what the command prints, also into JSON.
        connection.execute(f"USE {ATTACHED}; SET enable_progress_bar = false")
    except BaseException:
        with suppress(duckdb.Error):
            _leave(engine)
        raise
    return connection


def close(path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    """Closes a connection of `connect`; the last one frees the file. Raises duckdb.Error."""
    connection.close()
    _leave(_ENGINES[path.resolve()])


@contextmanager
def frugal(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """The engine takes at most FRUGAL of memory in the block; what does not fit goes to files beside the warehouse."""
    connection.execute(f"SET memory_limit = '{FRUGAL}'")
    try:
        yield
    finally:
        with suppress(duckdb.Error):
            connection.execute("RESET memory_limit")


def stream(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: Sequence[object] | Mapping[str, object] = ()
) -> Iterator[tuple[Any, ...]]:
    """The rows of a query, read a few at a time; the connection is in use until the last row. Raises duckdb.Error."""
    rows = connection.execute(query, parameters)
    while some := rows.fetchmany(AT_ONCE):
        yield from some


def narrowed(connection: duckdb.DuckDBPyConnection, table: str, column: str, ids: Collection[str]) -> str:
    """What to read instead of `table` where only rows whose text `column` is among `ids` are wanted.

    A server finds them by its index; otherwise DuckDB would read the whole table from it. A file is the table itself.
    """
    if not of_server(connection):
        return table
    listed = ",".join('"' + one.replace("\\", "\\\\").replace('"', '\\"') + '"' for one in ids)
    query = f"SELECT * FROM {table} WHERE {column} = ANY('{quoted('{' + listed + '}')}')"
    return f"(FROM postgres_query('{ATTACHED}', '{quoted(query)}'))"


def recursive(connection: duckdb.DuckDBPyConnection, query: str) -> str:
    """A recursive query whose tables are each behind a CTE that is NOT MATERIALIZED, as it must run on a connection.

    In a recursive query, DuckDB 1.5.5 reads a table of PostgreSQL only once: later steps find no rows, without an
    error. So the tables of a server are read into memory first.
    """
    return query.replace("NOT MATERIALIZED", "MATERIALIZED") if of_server(connection) else query


def of_server(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether the tables behind a connection are those of a server of PostgreSQL."""
    return connection.execute(f"SELECT getvariable('{SERVER}')").fetchall() == [(True,)]


def quoted(text: str) -> str:
    """A text as the inside of a literal of SQL."""
    return text.replace("'", "''")


def _engine(path: Path) -> _Engine:
    if path not in _ENGINES:
        for other in [one for one in _ENGINES.values() if not one.users]:
            del _ENGINES[other.path]
        connection = duckdb.connect(":memory:", config={"temp_directory": f"{path}.tmp"})
        _ENGINES[path] = _Engine(path, connection)
    return _ENGINES[path]


def _leave(engine: _Engine) -> None:
    try:
        if engine.users == 1:
            engine.connection.execute(f"DETACH DATABASE IF EXISTS {ATTACHED}")
    except duckdb.Error:
        # After a fatal error an engine is of no more use. The next one finds the file as after a kill.
        with _LOCK:
            _ENGINES.pop(engine.path, None)
        with suppress(duckdb.Error):
            engine.connection.close()
        raise
    finally:
        with _LOCK:
            engine.users -= 1


def _forget() -> None:
    """Sets the engines of the parent process aside. Their threads are not in this one, so they cannot be closed."""
    _OF_PARENTS.extend(_ENGINES.values())
    _ENGINES.clear()


os.register_at_fork(after_in_child=_forget)
