"""Locks of PostgreSQL that end with the connection that has them, and so with the process, on whatever machine it is.

A transaction must take its lock before it begins: it sees the rows as they were at its first statement
(https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from threading import Lock

import psycopg
from filelock import Timeout

from warehouse.core.identity import digest
from warehouse.core.waiting import SECONDS_OF_SILENCE, say_waiting_for
from warehouse.store.postgres_errors import server_errors

PAUSE = 0.05
"""Seconds between two looks at a claim that another build has (ours)."""

_HOLDER = (
    "SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' AND granted "
    "AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND classid::bigint << 32 | objid::bigint = %s"
)


@dataclass
class Locks:
    """The locks of this process in the database `place`, by a connection string."""

    place: str
    conninfo: str
    _connection: psycopg.Connection | None = None
    _held: set[str] = field(default_factory=set)

    def acquire(self, name: str, patience: float, what: str) -> None:
        """Takes a lock as soon as no other process has it; after two seconds it says that it waits for `what`.

        Raises TimeoutError, whose text names the holder, after `patience` seconds, and psycopg.Error.
        """
        silence = min(SECONDS_OF_SILENCE, patience)
        if self._waited(name, silence):
            return
        holder = self.holder(name)
        if patience > silence:
            say_waiting_for(what, holder)
            if self._waited(name, patience - silence):
                return
        raise TimeoutError(holder)

    def try_to_acquire(self, name: str) -> bool:
        """Takes a lock if no other connection has it. Raises psycopg.Error."""
        taken = bool(self._asked("SELECT pg_try_advisory_lock(%s)", number_of(name)))
        if taken:
            self._held.add(name)
        return taken

    def check(self) -> None:
        """Raises psycopg.OperationalError where a connection that had locks is gone, and the locks with it."""
        self._connected()

    def release(self, name: str) -> None:
        """Gives a lock back. A connection that broke meanwhile has none."""
        self._held.discard(name)
        with suppress(psycopg.Error):
            if self._connection and not self._connection.closed:
                self._connection.execute("SELECT pg_advisory_unlock(%s)", [number_of(name)])

    def close(self) -> None:
        """Closes the connection, which frees all locks; the next lock opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def holder(self, name: str) -> str:
        """The process that has a lock, in words."""
        found = self._asked(_HOLDER, number_of(name))
        return str(found) if found else "another process"

    def _waited(self, name: str, seconds: float) -> bool:
        connection = self._connected()
        try:
            connection.execute(f"SET lock_timeout = {max(1, round(seconds * 1000))}")
            connection.execute("SELECT pg_advisory_lock(%s)", [number_of(name)])
        except psycopg.errors.LockNotAvailable:
            return False
        self._held.add(name)
        return True

    def _asked(self, query: str, number: int) -> object:
        row = self._connected().execute(query, [number]).fetchone()
        return row[0] if row else None

    def _connected(self) -> psycopg.Connection:
        if self._connection is not None:
            # A server that was started again has closed it.
            with suppress(psycopg.OperationalError):
                self._connection.execute("SELECT 1")
                return self._connection
            self._connection = None
            if self._held:
                self._held.clear()
                raise psycopg.OperationalError("the connection that had the locks of this process was closed")
        self._connection = psycopg.connect(self.conninfo, autocommit=True)
        return self._connection


def number_of(name: str) -> int:
    """The 64-bit number under which PostgreSQL knows a lock."""
    return int.from_bytes(sha256(name.encode()).digest()[:8], signed=True)


@dataclass
class PostgresClaims:
    """The claims of builds on any machine (see Claims in warehouse.py). A claim is a lock, so a kill ends it."""

    locks: Locks
    _held: set[str] = field(default_factory=set)
    _one_at_a_time: Lock = field(default_factory=Lock)

    @property
    def any(self) -> bool:
        """Whether this process has a claim."""
        return bool(self._held)

    @contextmanager
    def claimed(self, keys: Sequence[str], wait: bool = True) -> Iterator[None]:
        """Keeps parallel builds from computing the same calls as one batch: they wait here until the block ends.

        Raises Timeout where another build has them and `wait` is false, and WarehouseError.
        """
        name, began, silent = _name(keys), time.monotonic(), True
        while not self._taken(name):
            if not wait:
                raise Timeout(name)
            if silent and time.monotonic() - began > SECONDS_OF_SILENCE:
                with self._one_at_a_time, self._errors():
                    holder = self.locks.holder(name)
                say_waiting_for(f"{len(keys)} model calls, which another build computes", holder)
                silent = False
            time.sleep(PAUSE)
        try:
            yield
        finally:
            self._free(name)

    def is_claimed(self, keys: Sequence[str]) -> bool:
        """Whether a build computes these calls as one batch now. Raises WarehouseError."""
        if not self._taken(_name(keys)):
            return True
        self._free(_name(keys))
        return False

    def remove_old(self) -> None:
        """Killed builds leave nothing."""

    def _taken(self, name: str) -> bool:
        # A connection gets a lock a second time that it has, so threads of this process look here first.
        with self._one_at_a_time, self._errors():
            if name in self._held or not self.locks.try_to_acquire(name):
                return False
            self._held.add(name)
            return True

    def _errors(self) -> AbstractContextManager[None]:
        return server_errors(self.locks.place, "cannot be reached")

    def _free(self, name: str) -> None:
        with self._one_at_a_time:
            self._held.discard(name)
            self.locks.release(name)


def _name(keys: Sequence[str]) -> str:
    return f"claim {digest(list(keys))}"
