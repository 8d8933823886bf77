"""The DuckDB file of a warehouse: its tables, and short connections that wait for each other.

DuckDB lets one process at a time write a file and refuses all others. So every connection is opened late, closed soon
and retried until the file is free. No code may keep a connection open during a model call. The file is attached to an
engine that stays (see engine.py), since starting one takes longer than most queries.
"""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import duckdb
import pandera.polars as pa

from warehouse.core.errors import UserError
from warehouse.core.identity import digest
from warehouse.core.texts import on_one_line, shortened
from warehouse.core.waiting import SECONDS_OF_SILENCE, described, locked, say_waiting
from warehouse.schema.bookkeeping import LINEAGE, MEMO
from warehouse.schema.records import KINDS, empty
from warehouse.schema.views import MACROS, VIEWS
from warehouse.store.answer_digests import add_answer_digests, has_answer_digests
from warehouse.store.engine import ATTACHED, close, connect

SCHEMAS: dict[str, dict[str, type[pa.DataFrameModel]]] = {
    "records": dict(KINDS),
    "lineage": LINEAGE,
    "memo": MEMO,
}

# Audits look up a few ids at a time. Without an index, each look-up reads the whole table.
INDICES = {
    "lineage.records": "CREATE INDEX IF NOT EXISTS records_by_id ON lineage.records (id)",
    "lineage.edges": "CREATE INDEX IF NOT EXISTS edges_by_child ON lineage.edges (child)",
    "lineage.decisions": "CREATE INDEX IF NOT EXISTS decisions_by_record ON lineage.decisions (record)",
    "memo.calls": "CREATE INDEX IF NOT EXISTS calls_by_key ON memo.calls (key)",
}

ADDED = {"memo.calls": {"answer_digest"}}
"""The columns that tables of older warehouses may lack, and get at the first write."""

MARKED, VIEWS_DIGEST = next(iter(VIEWS)), digest([VIEWS, MACROS])
"""A comment on the view MARKED holds VIEWS_DIGEST and so says which views and macros a file has: DuckDB rewrites their
text, so it cannot be compared."""

SPARE = 0.25
"""The share of the file that may stay free after a collection; the next build uses it."""


class WarehouseError(UserError, RuntimeError):
    """The warehouse cannot be used; the message says what failed and what would help."""


def now() -> datetime:
    """The time in UTC without a time zone, as in all tables."""
    return datetime.now(UTC).replace(tzinfo=None)


class Database:
    """The DuckDB file at `path`, created with its tables on first use.

    A connection waits up to `patience` seconds until no other process has the file open, then raises WarehouseError.
    It reads and writes the pointers of an `environment` (see environments.py), "" for the main one.
    """

    def __init__(self, path: Path, patience: float = 300.0, environment: str = "") -> None:
        self.path = path
        self.patience = patience
        self.environment = environment
        self._in_process = _lock_of(path)
        self._ready = False

    @contextmanager
    def write(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection with a transaction: committed at the end of the block, rolled back if the block raises."""
        with self._in_process, self._connect(read_only=False) as connection:
            if not self._ready:
                _create_tables(connection)
                self._ready = True
            connection.begin()
            try:
                yield connection
            except BaseException:
                with suppress(duckdb.Error):  # after some errors DuckDB has ended the transaction itself
                    connection.rollback()
                raise
            connection.commit()

    @contextmanager
    def read(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A read-only connection. Several processes may have one at the same time.

        Reading creates no file: without a file, the tables are empty.
        """
        if not self.path.exists():
            with _empty().cursor() as connection:
                connection.begin()
                try:
                    yield connection
                finally:
                    connection.rollback()
            return
        if not self._ready:
            self._prepare()
        with self._in_process, self._connect(read_only=True) as connection:
            yield connection

    def compact(self) -> None:
        """Rewrites all tables one after the other, so that the file shrinks by the space that deletions left free."""
        with self._in_process, self._connect(read_only=False) as connection:
            # A file shrinks only from its end, and the first rewrite may end up behind the rows that it frees.
            for _ in range(2):
                for schema, tables in SCHEMAS.items():
                    for name in tables:
                        connection.execute(f"CREATE OR REPLACE TABLE {schema}.{name} AS FROM {schema}.{name}")
                        if index := INDICES.get(f"{schema}.{name}"):
                            connection.execute(index)
                        connection.execute("CHECKPOINT")  # so that the next table can use the space that this one freed
                (used,) = connection.execute(
                    "SELECT used_blocks * block_size FROM pragma_database_size() WHERE database_name = ?", [ATTACHED]
                ).fetchall()[0]
                if used >= (1 - SPARE) * self.path.stat().st_size:
                    return

    def _prepare(self) -> None:
        with self._in_process, self._connect(read_only=True) as connection:
            self._ready = self._complete(connection)
        if not self._ready:
            with self.write():
                pass

    def _complete(self, connection: duckdb.DuckDBPyConnection) -> bool:
        """Whether all tables and views exist in their present form.

        Raises WarehouseError if a table has other columns than expected."""
        found: dict[str, set[str]] = {}
        for table, column in connection.execute(
            "SELECT schema_name || '.' || table_name, column_name FROM duckdb_columns() WHERE NOT internal"
        ).fetchall():
            found.setdefault(table, set()).add(column)
        wanted = {
            f"{schema}.{name}": set(empty(model).columns)
            for schema, tables in SCHEMAS.items()
            for name, model in tables.items()
        }
        for table, columns in wanted.items():
            if found.get(table, columns) not in (columns, columns - ADDED.get(table, set())):
                raise WarehouseError(
                    f"the warehouse {self.path} was made by another version of Slingshot: {table} has the columns "
                    f"{sorted(found[table])}, expected {sorted(columns)}; build into a new folder (--warehouse)"
                )
        views = connection.execute(
            "SELECT comment FROM duckdb_views() WHERE schema_name || '.' || view_name = ?", [MARKED]
        ).fetchone()
        return wanted.items() <= found.items() and views == (VIEWS_DIGEST,)

    def _make_file(self) -> None:
        """Creates the file completely or not at all: DuckDB refuses a file that a killed process left incomplete."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with locked(self.path.with_suffix(".making.lock"), f"the warehouse {self.path}, which is being created"):
            scratch = self.path.with_suffix(".making")
            scratch.unlink(missing_ok=True)
            if not self.path.exists():
                duckdb.connect(str(scratch)).close()
                scratch.rename(self.path)

    @contextmanager
    def _connect(self, read_only: bool) -> Iterator[duckdb.DuckDBPyConnection]:
        if not self.path.exists():
            self._make_file()
        with self._storage_errors("cannot be opened"):
            connection = self._opened(read_only)
            if self.environment:
                connection.execute("SET VARIABLE environment = ?", [self.environment])
        with self._storage_errors("cannot be read or written"):
            try:
                yield connection
            finally:
                close(self.path, connection)

    def _opened(self, read_only: bool) -> duckdb.DuckDBPyConnection:
        """A connection, as soon as no other process has the file open."""
        began, silent = time.monotonic(), True
        while True:
            try:
                return connect(self.path, read_only)
            except duckdb.BinderException as error:
                if "Unique file handle conflict" not in str(error):
                    raise
                raise WarehouseError(
                    f"the warehouse {self.path} is open in this process by another connection of DuckDB; close that "
                    "connection, or ask through the project's method sql"
                ) from error
            except duckdb.IOException as error:
                if "Could not set lock" not in str(error):
                    raise
                waited, found = time.monotonic() - began, _PROCESS.search(str(error))
                process = int(found[1]) if found else None
                if waited > self.patience:
                    raise WarehouseError(
                        f"the warehouse {self.path} was locked by another process for {self.patience:g} s; "
                        f"close the program that has it open ({described(process)})"
                    ) from error
                if silent and waited > SECONDS_OF_SILENCE:
                    say_waiting(f"the warehouse {self.path}", process)
                    silent = False
                time.sleep(random.uniform(0.005, 0.05))

    @contextmanager
    def _storage_errors(self, failed: str) -> Iterator[None]:
        """Raises WarehouseError for errors of DuckDB that come from the file or the machine; others may be defects."""
        try:
            yield
        except duckdb.Error as error:
            # A commit that could not be written is an error of the transaction.
            if not isinstance(error, _STORAGE_ERRORS) and "Failed to commit" not in str(error):
                raise
            # What failed first comes last.
            first = str(error).split("Stack Trace:")[0].rpartition("Original error: ")[2]
            said = shortened(on_one_line(first), 300)
            raise WarehouseError(f"the warehouse {self.path} {failed}: {said}; {_advice(said)}") from error


_STORAGE_ERRORS = (
    duckdb.IOException,
    duckdb.FatalException,
    duckdb.InternalException,
    duckdb.SerializationException,
    duckdb.OutOfMemoryException,
)

_PROCESS = re.compile(r"\(PID (\d+)\)")
"""The process in DuckDB's message that a file is locked."""


def _advice(said: str) -> str:
    """What would help against an error of DuckDB, by its message."""
    if re.search("no space|disk full|quota|file too large|max_temp_directory_size", said, re.IGNORECASE):
        return "make room on the disk; nothing that was committed is lost"
    if re.search("permission denied|read-only|not permitted", said, re.IGNORECASE):
        return "change the permissions of the file and of its folder, or choose another folder with --warehouse"
    if re.search("out of memory|could not allocate", said, re.IGNORECASE):
        return "close other programs"
    return "if the file is damaged, put back a copy of it, or build into a new folder (--warehouse)"


_LOCKS: dict[Path, threading.RLock] = {}
_LOCKS_LOCK = threading.Lock()


def _lock_of(path: Path) -> threading.RLock:
    """One lock per file: within a process, DuckDB refuses to open a file both read-only and writable."""
    with _LOCKS_LOCK:
        return _LOCKS.setdefault(path.resolve(), threading.RLock())


@cache
def _empty() -> duckdb.DuckDBPyConnection:
    """A database in memory with empty tables. They stay empty: what a cursor does is rolled back."""
    connection = duckdb.connect(":memory:")
    _create_tables(connection)
    return connection


def _create_tables(connection: duckdb.DuckDBPyConnection) -> None:
    for schema, tables in SCHEMAS.items():
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        for name, model in tables.items():
            columns = empty(model)
            connection.register("columns_of_model", columns)
            connection.execute(f"CREATE TABLE IF NOT EXISTS {schema}.{name} AS FROM columns_of_model LIMIT 0")
            connection.unregister("columns_of_model")
    for index in INDICES.values():
        connection.execute(index)
    if not has_answer_digests(connection):
        connection.begin()
        add_answer_digests(connection)
        connection.commit()
    _move_pointers(connection)
    for name, query in VIEWS.items():
        connection.execute(f"CREATE OR REPLACE VIEW {name} AS {query}")
    for signature, query in MACROS.items():
        connection.execute(f"CREATE OR REPLACE MACRO {signature} AS TABLE {query}")
    connection.execute(f"COMMENT ON VIEW {MARKED} IS '{VIEWS_DIGEST}'")


def _move_pointers(connection: duckdb.DuckDBPyConnection) -> None:
    """Before there were environments, `lineage.current` was a table."""
    tables = "SELECT 1 FROM duckdb_tables() WHERE schema_name = 'lineage' AND table_name = 'current'"
    if connection.execute(tables).fetchone():
        connection.execute("INSERT INTO lineage.pointers SELECT '', asset, version FROM lineage.current")
        connection.execute("DROP TABLE lineage.current")
