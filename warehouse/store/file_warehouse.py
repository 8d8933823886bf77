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
from pathlib import Path

import duckdb

from warehouse.core.texts import on_one_line, shortened
from warehouse.core.waiting import SECONDS_OF_SILENCE, described, locked, say_waiting
from warehouse.schema.views import view_of_asset
from warehouse.store.engine import ATTACHED, close, connect
from warehouse.store.file_claims import FileClaims
from warehouse.store.file_store import FileStore
from warehouse.store.tables import INDICES, SCHEMAS, bind_indices, create_tables, empty_tables, is_complete
from warehouse.store.warehouse import Claims, Part, WarehouseError

FILE = "slingshot.duckdb"
"""The name of the file in the folder of a warehouse."""

SPARE = 0.25
"""The share of the file that may stay free after a collection; the next build uses it."""


class FileWarehouse:
    """The DuckDB file at `path`, created with its tables on first use; a Warehouse (see warehouse.py).

    A connection waits up to `patience` seconds until no other process has the file open, then raises WarehouseError.
    `remote` has its files too, for other machines.
    """

    def __init__(
        self, path: Path, patience: float = 300.0, environment: str = "", remote: FileStore | None = None
    ) -> None:
        self.path = path
        self.patience = patience
        self.environment = environment
        self.remote = remote
        self.claims: Claims = FileClaims(self.folder / "claims")
        self._in_process = _lock_of(path)
        self._ready = False

    @property
    def folder(self) -> Path:
        """The folder of the file."""
        return self.path.parent

    @property
    def place(self) -> str:
        """The path of the file."""
        return str(self.path)

    def seen_from(self, environment: str) -> FileWarehouse:
        """The same warehouse with the pointers of another environment."""
        return FileWarehouse(self.path, self.patience, environment, self.remote)

    def exists(self) -> bool:
        """Whether there is a file."""
        return self.path.exists()

    def size(self) -> int:
        """Bytes of the file and of its log, 0 where there are none."""
        return sum(file.stat().st_size for file in (self.path, self._log) if file.exists())

    @property
    def _log(self) -> Path:
        """Where DuckDB has what is committed and not yet in the file; only a kill leaves it there."""
        return self.path.with_name(f"{self.path.name}.wal")

    @contextmanager
    def write(self, *parts: Part) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection with a transaction: committed at the end of the block, rolled back if the block raises.

        DuckDB lets one process write the whole file, whatever `parts` it writes.
        """
        with self._in_process, self._connect(read_only=False) as connection:
            if not self._ready:
                if not is_complete(self.place, connection):
                    create_tables(connection)
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
            with empty_tables().cursor() as connection:
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

    def show(self, connection: duckdb.DuckDBPyConnection, asset: str, kind: str) -> None:
        """Creates the view of an asset in the file, or replaces it."""
        connection.execute(view_of_asset(asset, kind))

    def show_assets(self) -> None:
        """The views are in the file."""

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
            self._ready = is_complete(self.place, connection)
        if not self._ready:
            with self.write():
                pass

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
            if not read_only and self._log.exists():
                bind_indices(connection)
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
