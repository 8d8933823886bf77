"""DuckDB as the client of PostgreSQL: an engine in memory to which the database of a warehouse stays attached.

Attaching takes a quarter of a second, so a process keeps one engine for each database, whose connections to the server
are a pool. The extension comes from its wheel: nothing is downloaded. Views and macros are those of the engine, since
PostgreSQL cannot store queries in DuckDB's SQL.
"""

from __future__ import annotations

import importlib.util
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, RLock

import duckdb
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from warehouse.core.errors import UserError
from warehouse.schema.views import view_of_asset
from warehouse.store.advisory_locks import Locks, PostgresClaims
from warehouse.store.engine import ATTACHED, SERVER, quoted
from warehouse.store.postgres_tables import columns_there, create_postgres_tables
from warehouse.store.tables import SCHEMAS, assets_of, create_views, has_all_tables
from warehouse.store.warehouse import PARTS, Part

KEPT_ALIVE = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    # Without them, the server holds the locks of a host that vanished for two hours.
    "options": "-c tcp_keepalives_idle=60 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3",
}

MEMORY = "memory"
"""What DuckDB calls the database of an engine in memory."""

_PATH = ",".join([f"{MEMORY}.main", f"{MEMORY}.lineage", *(f"{ATTACHED}.{schema}" for schema in SCHEMAS)])


@dataclass(eq=False)
class Session:
    """The engine and the locks of this process for the database at `url`."""

    url: str
    conninfo: str
    scratch: Path
    _writing: RLock = field(default_factory=RLock)
    _counting: RLock = field(default_factory=RLock)
    _users: int = 0
    _engine: duckdb.DuckDBPyConnection | None = None
    _has_tables: bool = False

    def __post_init__(self) -> None:
        self.locks = Locks(self.url, self.conninfo)
        self.claims = PostgresClaims(Locks(self.url, self.conninfo))

    def has_tables(self) -> bool:
        """Whether the tables are there. Raises WarehouseError for those of another version, and psycopg.Error."""
        if not self._has_tables:
            with psycopg.connect(self.conninfo) as connection:
                self._has_tables = has_all_tables(self.url, columns_there(connection))
        return self._has_tables

    def create_tables(self) -> None:
        """Creates the tables that are not there. Raises psycopg.Error."""
        with psycopg.connect(self.conninfo) as connection:
            create_postgres_tables(connection)

    def size(self) -> int:
        """Bytes of the tables. Raises psycopg.Error."""
        query = (
            "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c "
            "JOIN pg_namespace n ON n.oid = relnamespace WHERE relkind = 'r' AND nspname = ANY(%s)"
        )
        with psycopg.connect(self.conninfo) as connection:
            rows = connection.execute(query, [list(SCHEMAS)]).fetchall()
        return int(rows[0][0])

    def vacuum(self) -> None:
        """Lets the server use the space of deleted rows, and count what it needs to plan. Raises psycopg.Error."""
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            for schema, tables in SCHEMAS.items():
                for name in tables:
                    connection.execute(f"VACUUM (ANALYZE) {schema}.{name}".encode())

    @contextmanager
    def cursor(self, environment: str) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection for one thread, with the views of all assets. Raises duckdb.Error."""
        with self._used():
            with self._counting:
                self._engine = self._engine or self._opened()
                connection = self._engine.cursor()
            try:
                connection.execute(f"SET search_path = '{_PATH}'; SET VARIABLE environment = '{environment}'")
                connection.execute(f"SET VARIABLE {SERVER} = true")
                yield connection
            except (duckdb.FatalException, duckdb.InternalException):
                self._engine = None  # after such an error an engine is of no more use
                raise
            finally:
                connection.close()

    @contextmanager
    def alone(self, parts: Sequence[Part], patience: float) -> Iterator[None]:
        """No other process and no other thread writes `parts` in the block.

        Raises TimeoutError as Locks.acquire does, and psycopg.Error.
        """
        with self._used(), self._writing, ExitStack() as held:
            # All take the locks in the same order, so that no two wait for each other.
            for part in [one for one in PARTS if one in parts]:
                self.locks.acquire(part, patience, f"the warehouse {self.url}")
                held.callback(self.locks.release, part)
            yield

    def show_assets(self) -> None:
        """Creates the views of all assets, or replaces them. Raises duckdb.Error."""
        with self.cursor("") as connection:
            _show_assets(connection)

    def close(self) -> bool:
        """Closes all connections to the server, unless one is in use. Returns whether it did."""
        if self._users or self.claims.any:
            return False
        for locks in (self.locks, self.claims.locks):
            locks.close()
        if self._engine is not None:
            self._engine.close()
            self._engine = None
        return True

    @contextmanager
    def _used(self) -> Iterator[None]:
        with self._counting:
            self._users += 1
        try:
            yield
        finally:
            with self._counting:
                self._users -= 1

    def _opened(self) -> duckdb.DuckDBPyConnection:
        settings: dict[str, str | bool | int | float | list[str]] = {
            "autoinstall_known_extensions": "false",
            "temp_directory": str(self.scratch),
        }
        engine = duckdb.connect(":memory:", config=settings)
        engine.execute(f"LOAD '{quoted(str(_extension()))}'")
        engine.execute(f"ATTACH '{quoted(self.conninfo)}' AS {ATTACHED} (TYPE postgres)")
        engine.execute(f"CREATE SCHEMA lineage; SET search_path = '{_PATH}'; SET enable_progress_bar = false")
        engine.execute(f"SET VARIABLE {SERVER} = true")
        create_views(engine, f"{MEMORY}.")
        _show_assets(engine)
        return engine


def show_asset(connection: duckdb.DuckDBPyConnection, asset: str, kind: str) -> None:
    """Creates the view of an asset in the engine, or replaces it."""
    connection.execute(view_of_asset(asset, kind, f"{MEMORY}.main."))


def _show_assets(connection: duckdb.DuckDBPyConnection) -> None:
    for asset, kind in assets_of(connection):
        show_asset(connection, asset, kind)


def session_of(url: str, scratch: Path) -> Session:
    """The session of this process for the database at `url`; what does not fit into memory goes to `scratch`."""
    with _SESSIONS_LOCK:
        if (url, scratch) not in _SESSIONS:
            # A server has few connections, and a process seldom needs two databases at a time.
            for other in [one for one, session in _SESSIONS.items() if session.close()]:
                del _SESSIONS[other]
            own = f"process {os.getpid()} on {socket.gethostname()}"[:63]
            _SESSIONS[url, scratch] = Session(url, _conninfo(url, own), scratch)
        return _SESSIONS[url, scratch]


def _conninfo(url: str, own: str) -> str:
    """The connection string of a URL; what it says itself counts more than KEPT_ALIVE."""
    said = conninfo_to_dict(url)
    options = " ".join(filter(None, [KEPT_ALIVE["options"], str(said.pop("options", ""))]))
    return make_conninfo("", **{**KEPT_ALIVE, "application_name": own, **said, "options": options})


def _extension() -> Path:
    """DuckDB's extension for PostgreSQL, from its wheel. Raises UserError where that is not installed."""
    found = importlib.util.find_spec("duckdb_extension_postgres_scanner")
    folders = (found and found.submodule_search_locations) or []
    files = [one for folder in folders for one in Path(folder).rglob("*.duckdb_extension")]
    right = [one for one in files if one.parent.name == f"v{duckdb.__version__}"]
    if not right:
        raise UserError(
            f"the extension of DuckDB {duckdb.__version__} for PostgreSQL is not installed: pip install "
            "'slingshot[postgres]'"
        )
    return right[0]


_SESSIONS_LOCK = Lock()
_SESSIONS: dict[tuple[str, Path], Session] = {}
_OF_PARENTS: list[Session] = []


def _forget() -> None:
    """Sets the sessions of the parent process aside: a connection to a server serves one process."""
    _OF_PARENTS.extend(_SESSIONS.values())
    _SESSIONS.clear()


os.register_at_fork(after_in_child=_forget)
