"""A warehouse whose tables are in PostgreSQL: builds on several machines write it at once.

The SQL is DuckDB's, and runs in this process; the server stores the rows and keeps the keys unique. Files, such as
checkpoints, are in a folder that all machines see.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path

import duckdb
import psycopg
from psycopg.conninfo import conninfo_to_dict

from warehouse.core.atomic import written_whole
from warehouse.core.errors import UserError
from warehouse.core.identity import canonical
from warehouse.store.file_store import FileStore
from warehouse.store.postgres_errors import server_errors
from warehouse.store.postgres_session import Session, session_of, show_asset
from warehouse.store.tables import empty_tables
from warehouse.store.warehouse import MARK, PARTS, Claims, Part, WarehouseError


class PostgresWarehouse:
    """The database at `url`, whose tables are created on first use; a Warehouse (see warehouse.py).

    `url` is one of libpq without a password: PGPASSWORD or ~/.pgpass has that
    (https://www.postgresql.org/docs/current/libpq-pgpass.html). `folder` is for the files; `remote` has them too. A
    transaction waits up to `patience` seconds for others, then raises WarehouseError. The first one writes a file MARK
    into `folder` and into `home`, the folder of the warehouse; without `home`, none does. Raises UserError for another
    kind of URL.
    """

    def __init__(
        self,
        url: str,
        folder: Path,
        patience: float = 300.0,
        environment: str = "",
        home: Path | None = None,
        remote: FileStore | None = None,
    ) -> None:
        self.url = checked_url(url)
        self.patience = patience
        self.environment = environment
        self.remote = remote
        self._folder = folder
        self._home = home

    @property
    def claims(self) -> Claims:
        """The claims of builds on all machines."""
        return self._session.claims

    @property
    def folder(self) -> Path:
        """The folder for the files."""
        return self._folder

    @property
    def place(self) -> str:
        """The URL."""
        return self.url

    def seen_from(self, environment: str) -> PostgresWarehouse:
        """The same warehouse with the pointers of another environment."""
        return PostgresWarehouse(self.url, self._folder, self.patience, environment, self._home, self.remote)

    def exists(self) -> bool:
        """Whether the tables are there. Raises WarehouseError."""
        with self._errors("cannot be reached"):
            return self._session.has_tables()

    def size(self) -> int:
        """Bytes of the tables with their indices. Raises WarehouseError."""
        with self._errors("cannot be reached"):
            return self._session.size()

    @contextmanager
    def write(self, *parts: Part) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection with a transaction: committed at the end of the block, rolled back if the block raises.

        No other process writes these `parts` meanwhile; without any, it is alone in all of them.
        """
        with ExitStack() as stack:
            with self._errors("cannot be opened"):
                stack.enter_context(self._alone(parts or PARTS))
                if not self._session.has_tables():
                    self._session.create_tables()
                connection = self._cursor(stack)
            with self._errors("cannot be read or written"):
                connection.begin()
                try:
                    yield connection
                except BaseException:
                    with suppress(duckdb.Error):  # a transaction that the server ended cannot be rolled back
                        connection.rollback()
                    raise
                self._session.locks.check()
                connection.commit()
            self._write_mark()

    @contextmanager
    def read(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection that sees all rows as they were at its first query. Raises WarehouseError."""
        with ExitStack() as stack:
            with self._errors("cannot be opened"):
                if self._session.has_tables():
                    connection = self._cursor(stack)
                else:
                    connection = stack.enter_context(empty_tables().cursor())
            with self._errors("cannot be read"):
                connection.begin()
                try:
                    yield connection
                finally:
                    with suppress(duckdb.Error):
                        connection.rollback()

    def show(self, connection: duckdb.DuckDBPyConnection, asset: str, kind: str) -> None:
        """Creates the view of an asset in this process. Others create it when they open the warehouse."""
        with ExitStack() as stack:
            # DuckDB writes one database in a transaction, and the caller's writes the tables.
            show_asset(self._cursor(stack), asset, kind)

    def show_assets(self) -> None:
        """Creates the views of assets that other processes have built since. Raises WarehouseError."""
        with self._errors("cannot be opened"):
            if self._session.has_tables():
                self._session.show_assets()

    def compact(self) -> None:
        """Lets the server use the space of deleted rows again. Raises WarehouseError."""
        with self._errors("cannot be vacuumed"):
            self._session.vacuum()

    def _write_mark(self) -> None:
        """Says in the folders which database they belong to."""
        if (home := self._home) is None:
            return
        names = {"postgres": self.url} | ({"files": str(self._folder.resolve())} if self._folder != home else {})
        text = canonical({"tables": names} | ({"store": self.remote.url} if self.remote else {}))
        for mark in {self._folder / MARK, home / MARK}:
            if not mark.exists():
                try:
                    mark.parent.mkdir(parents=True, exist_ok=True)
                    written_whole(mark, lambda part: part.write_text(text, encoding="utf-8"))
                except OSError as error:
                    raise WarehouseError(
                        f"{mark} cannot be written: {error}; change the permissions of the folder, or choose another "
                        "one"
                    ) from error
        self._home = None

    @property
    def _session(self) -> Session:
        return session_of(self.url, self._folder / "duckdb.tmp")

    @contextmanager
    def _alone(self, parts: tuple[Part, ...]) -> Iterator[None]:
        """No other process writes `parts` in the block."""
        try:
            with self._session.alone(parts, self.patience):
                yield
        except TimeoutError as error:
            raise WarehouseError(
                f"the warehouse {self.url} was locked by another process for {self.patience:g} s: {error}; wait until "
                "that has ended, or end it"
            ) from error

    def _cursor(self, stack: ExitStack) -> duckdb.DuckDBPyConnection:
        return stack.enter_context(self._session.cursor(self.environment))

    def _errors(self, failed: str) -> AbstractContextManager[None]:
        return server_errors(self.url, failed)


def checked_url(url: str) -> str:
    """The URL of a database. Raises UserError, which shows no password, where it is none, or has a password."""
    right = "right would be postgresql://USER@HOST:PORT/DATABASE"
    shown = re.sub(r"\?.*", "", re.sub(r"//.*@", "//…@", url))
    try:
        parts = conninfo_to_dict(url)
    except psycopg.Error as error:
        raise UserError(f"{shown!r} is no URL of a PostgreSQL database; {right}") from error
    if parts.keys() & {"password", "sslpassword"}:
        raise UserError(
            f"the URL of a warehouse has no password, since it is shown: put it into PGPASSWORD or ~/.pgpass; {right}"
        )
    if not url.startswith("postgresql://") or not parts.get("dbname"):
        raise UserError(f"{shown!r} is no URL of a PostgreSQL database; {right}")
    return url
