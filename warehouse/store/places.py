"""Where the tables of a warehouse are: in a file in its folder, or in a database of PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from warehouse.core.errors import UserError
from warehouse.store.file_warehouse import FILE, FileWarehouse
from warehouse.store.warehouse import Warehouse


@dataclass(frozen=True)
class Tables:
    """The database at the URL `postgres`, or a file in the folder of the warehouse where that is empty.

    `files` is the folder for checkpoints, where the tables are in a database; None for the folder of the warehouse.
    """

    postgres: str = ""
    files: Path | None = None
    patience: float = 300.0


EMBEDDED = Tables()
"""In a file."""


def warehouse_at(folder: Path, tables: Tables = EMBEDDED, environment: str = "") -> Warehouse:
    """The warehouse of a folder. Connects to nothing.

    Raises UserError where the URL is none, or where the packages for PostgreSQL are not installed.
    """
    if not tables.postgres:
        return FileWarehouse(folder / FILE, tables.patience, environment)
    try:
        from warehouse.store.postgres_warehouse import PostgresWarehouse
    except ImportError as error:
        raise UserError(
            f"tables in PostgreSQL need packages that are not installed ({error}): pip install 'slingshot[postgres]'"
        ) from error
    return PostgresWarehouse(tables.postgres, tables.files or folder, tables.patience, environment)
