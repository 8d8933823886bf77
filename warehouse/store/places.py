"""Where the tables of a warehouse are: in a file in its folder, or in a database of PostgreSQL.

The folder of a warehouse remembers its database. So commands that get only the folder, without the deployment file, do
not take it for a warehouse without tables, whose checkpoints nobody needs.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from warehouse.core.errors import UserError
from warehouse.core.identity import canonical
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

MARK = "tables.json"
"""The file in the folder of a warehouse that names its database. It is a deployment file too."""


def warehouse_at(folder: Path, tables: Tables = EMBEDDED, environment: str = "") -> Warehouse:
    """The warehouse of a folder; its tables are where `tables` says, else where the folder says. Connects to nothing.

    Raises UserError where the two name different databases, where a URL is none, and where the packages for PostgreSQL
    are not installed.
    """
    remembered = _remembered(folder)
    if tables.postgres and remembered.postgres not in ("", tables.postgres):
        raise UserError(
            f"the folder {folder} belongs to the tables at {remembered.postgres}, not to those at {tables.postgres}; "
            f"use another folder (--warehouse), or delete {folder / MARK} if the tables have moved"
        )
    if not tables.postgres:
        tables = remembered
    if not tables.postgres:
        return FileWarehouse(folder / FILE, tables.patience, environment)
    try:
        from warehouse.store.postgres_warehouse import PostgresWarehouse
    except ImportError as error:
        raise UserError(
            f"tables in PostgreSQL need packages that are not installed ({error}): pip install 'slingshot[postgres]'"
        ) from error
    names = {"postgres": tables.postgres} | ({"files": str(tables.files)} if tables.files else {})
    mark = (folder / MARK, canonical({"tables": names}))
    return PostgresWarehouse(tables.postgres, tables.files or folder, tables.patience, environment, mark)


def _remembered(folder: Path) -> Tables:
    try:
        found = json.loads((folder / MARK).read_text(encoding="utf-8"))["tables"]
        return Tables(found["postgres"], Path(found["files"]) if "files" in found else None)
    except FileNotFoundError:
        return EMBEDDED
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(f"{folder / MARK} does not name a database: {error!r}; delete it, or write it again") from error
