"""Where the tables of a warehouse are: in a file in its folder, or in a database of PostgreSQL.

The folder of a warehouse remembers its database. So commands that get only the folder, without the deployment file, do
not take it for a warehouse without tables, whose checkpoints nobody needs.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from warehouse.core.errors import UserError
from warehouse.store.file_store import FileStore
from warehouse.store.file_warehouse import FILE, FileWarehouse
from warehouse.store.warehouse import MARK, Warehouse


@dataclass(frozen=True)
class Tables:
    """The database at the URL `postgres`, or a file in the folder of the warehouse where that is empty.

    `files` is the folder for checkpoints, where the tables are in a database; None for the folder of the warehouse.
    `store` is the URL where checkpoints are too, for machines that do not see this folder (see file_store.py).
    """

    postgres: str = ""
    files: Path | None = None
    patience: float = 300.0
    store: str = ""


EMBEDDED = Tables()
"""In a file."""


def warehouse_at(folder: Path, tables: Tables = EMBEDDED, environment: str = "", to_remember: bool = True) -> Warehouse:
    """The warehouse of a folder; its tables are where `tables` says, else where the folder says. Connects to nothing.

    The folder remembers a database once something is written, if it is `to_remember`. Raises UserError where the two
    name different databases, where the folder has a file with tables instead, where a URL is none, and where the
    packages for PostgreSQL are not installed.
    """
    remembered = _remembered(folder)
    if tables.postgres and to_remember:
        _check_folder(folder, tables, remembered)
    if not tables.postgres:
        tables = replace(remembered, store=tables.store or remembered.store)
    remote = FileStore(tables.store) if tables.store else None
    if not tables.postgres:
        return FileWarehouse(folder / FILE, tables.patience, environment, remote)
    try:
        from warehouse.store.postgres_warehouse import PostgresWarehouse
    except ImportError as error:
        raise UserError(
            f"tables in PostgreSQL need packages that are not installed ({error}): pip install 'slingshot[postgres]'"
        ) from error
    home = folder if to_remember else None
    return PostgresWarehouse(tables.postgres, tables.files or folder, tables.patience, environment, home, remote)


def require_another(source: Warehouse, target: Warehouse) -> None:
    """Raises UserError where `source` does not exist, or is `target` itself, also under another name of its file."""
    if not source.exists():
        raise UserError(f"there is no warehouse at {source.folder}; name the folder that has {FILE}")
    one, other = Path(source.place), Path(target.place)
    if source.place == target.place or (one.exists() and other.exists() and one.samefile(other)):
        raise UserError(f"{source.place} is this warehouse itself; name another one")


def _check_folder(folder: Path, tables: Tables, remembered: Tables) -> None:
    if remembered.postgres not in ("", tables.postgres):
        raise UserError(
            f"the folder {folder} belongs to the tables at {remembered.postgres}, not to those at {tables.postgres}; "
            f"use another folder (--warehouse), or delete {folder / MARK} if the tables have moved"
        )
    if not remembered.postgres and (folder / FILE).exists():
        raise UserError(
            f"the folder {folder} has tables in {FILE}, but those of {tables.postgres} are asked for; copy them there "
            f"(slingshot copy) and move {FILE} away, or use another folder (--warehouse)"
        )


def _remembered(folder: Path) -> Tables:
    try:
        mark = json.loads((folder / MARK).read_text(encoding="utf-8"))
        found = mark["tables"]
        files = Path(found["files"]) if "files" in found else None
        return Tables(found["postgres"], files, store=str(mark.get("store", "")))
    except FileNotFoundError:
        return EMBEDDED
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(f"{folder / MARK} does not name a database: {error!r}; delete it, or write it again") from error
