"""What holds the tables and the claims of a warehouse: one DuckDB file, or a database of PostgreSQL for many machines.

All code asks in DuckDB's SQL, so it does not know which of the two it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Protocol

import duckdb

from warehouse.core.errors import UserError
from warehouse.store.file_store import FileStore

Part = Literal["memo", "lineage"]
"""What a transaction writes: the memo, or the records and the lineage."""

PARTS: tuple[Part, ...] = ("lineage", "memo")


MARK = "tables.json"
"""The file in the folder of a warehouse that names its database. It is a deployment file too."""


class WarehouseError(UserError, RuntimeError):
    """The warehouse cannot be used; the message says what failed and what would help."""


def now() -> datetime:
    """The time in UTC without a time zone, as in all tables."""
    return datetime.now(UTC).replace(tzinfo=None)


class Claims(Protocol):
    """Which build computes which model calls, so that parallel builds compute none twice.

    A claim ends with its block, and at the latest with the process that has it.
    """

    def claimed(self, keys: Sequence[str], wait: bool = True) -> AbstractContextManager[None]:
        """Keeps parallel builds from computing the same calls as one batch: they wait here until the block ends.

        Raises filelock.Timeout where another build has them and `wait` is false.
        """
        ...

    def is_claimed(self, keys: Sequence[str]) -> bool:
        """Whether a build computes these calls as one batch now."""
        ...

    def remove_old(self) -> None:
        """Removes what killed builds left."""
        ...


class Warehouse(Protocol):
    """Tables that several processes read and write, one transaction after the other.

    It reads and writes the pointers of an `environment` (see environments.py), "" for the main one.
    """

    environment: str
    remote: FileStore | None
    """Where the files are too, for machines that do not see `folder`."""

    @property
    def claims(self) -> Claims:
        """Which build computes what."""
        ...

    @property
    def folder(self) -> Path:
        """Where the files of the warehouse are, such as its checkpoints."""
        ...

    @property
    def place(self) -> str:
        """Where the tables are, for messages and commands: a path, or a URL without a password."""
        ...

    def seen_from(self, environment: str) -> Warehouse:
        """The same warehouse with the pointers of another environment."""
        ...

    def exists(self) -> bool:
        """Whether anything was ever written. Raises WarehouseError where that cannot be found out."""
        ...

    def size(self) -> int:
        """Bytes on the disk that the tables take, 0 where there are none. Raises WarehouseError."""
        ...

    def read(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """A connection that only reads. Several processes may have one at the same time.

        Reading creates nothing: without tables, they are empty. Raises WarehouseError.
        """
        ...

    def write(self, *parts: Part) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """A connection with a transaction: committed at the end of the block, rolled back if the block raises.

        No other process writes these `parts` meanwhile; without any, it is alone in all of them. Raises WarehouseError.
        """
        ...

    def show(self, connection: duckdb.DuckDBPyConnection, asset: str, kind: str) -> None:
        """Creates the view of an asset, or replaces it, for everyone who asks with SQL."""
        ...

    def show_assets(self) -> None:
        """Creates the views of assets that other processes have built since. Raises WarehouseError."""
        ...

    def compact(self) -> None:
        """Gives back the space on the disk that deletions left free. Raises WarehouseError."""
        ...
