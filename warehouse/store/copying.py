"""Copies a whole warehouse into an empty one, such as from a file into PostgreSQL when one machine is no longer enough.

Everything is copied: versions, rows, model calls, the history of runs, withdrawals, reviews, the files of trainings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from warehouse.core.errors import UserError
from warehouse.schema.bookkeeping import LINEAGE
from warehouse.schema.views import query_of_view, view_name
from warehouse.store.checkpoints import CheckpointFiles
from warehouse.store.tables import SCHEMAS
from warehouse.store.warehouse import Warehouse

AT_ONCE = 20_000
"""So many rows are in memory at a time."""


@dataclass(frozen=True)
class Copied:
    """How many `rows` were copied by table, and how many `trainings` with their files.

    `faults` are the trainings whose files are not those on record; their files were not copied.
    """

    rows: Mapping[str, int]
    trainings: int
    faults: tuple[str, ...]


def copy_warehouse(source: Warehouse, target: Warehouse) -> Copied:
    """Copies all tables of `source` in one transaction, after the files of its trainings. `source` stays as it is.

    A kill leaves no rows. Raises UserError where there is no other warehouse, or where `target` has rows.
    """
    if not source.exists():
        raise UserError(f"there is no warehouse at {source.place}")
    if target.exists() and _has_rows(target):
        raise UserError(f"the warehouse {target.place} has rows already; name one that is empty")
    trainings, faults = _copy_files(source, target)
    rows = {}
    with source.read() as reading, target.write() as writing:
        for table in [f"{schema}.{name}" for schema, tables in SCHEMAS.items() for name in tables]:
            rows[table] = 0
            for batch in reading.execute(f"FROM {table}").to_arrow_reader(AT_ONCE):
                writing.register("incoming", batch)
                writing.execute(f"INSERT INTO {table} BY NAME FROM incoming")
                writing.unregister("incoming")
                rows[table] += len(batch)
        shown = reading.execute("SELECT asset, any_value(kind) FROM lineage.versions GROUP BY ALL ORDER BY ALL")
        for asset, kind in shown.fetchall():
            target.show(writing, view_name(asset), query_of_view(asset, kind))
    return Copied({table: count for table, count in rows.items() if count}, trainings, tuple(faults))


def _has_rows(target: Warehouse) -> bool:
    tables = ["memo.calls", *(f"lineage.{name}" for name in LINEAGE)]
    with target.read() as connection:
        return any(connection.execute(f"FROM {table} LIMIT 1").fetchone() for table in tables)


def _copy_files(source: Warehouse, target: Warehouse) -> tuple[int, list[str]]:
    with source.read() as connection:
        keys = connection.execute("SELECT DISTINCT key FROM memo.calls WHERE kind = 'training' ORDER BY 1").fetchall()
    theirs, ours = CheckpointFiles(source), CheckpointFiles(target)
    # A collection may have freed the files of a training whose call stays.
    found = [(key, ours.take(theirs, key)) for (key,) in keys if theirs.folder(key).exists()]
    return sum(fault is None for _, fault in found), [f"checkpoints/{key}: {fault}" for key, fault in found if fault]
