"""Copies a whole warehouse into an empty one, such as from a file into PostgreSQL when one machine is no longer enough.

Everything is copied: versions, rows, model calls, the history of runs, withdrawals, reviews, the files of trainings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from warehouse.core.errors import UserError
from warehouse.schema.bookkeeping import LINEAGE
from warehouse.store.checkpoints import CheckpointFiles
from warehouse.store.inserting import append
from warehouse.store.places import require_another
from warehouse.store.tables import SCHEMAS, assets_of
from warehouse.store.warehouse import Warehouse

AT_ONCE = 20_000
"""So many rows are in memory at a time."""


@dataclass(frozen=True)
class Copied:
    """How many `rows` were copied by table, and how many `trainings` with their files.

    `without_files` is the number of trainings whose files are not there: freed by a collection, or elsewhere.
    `faults` are the trainings whose files are not those on record; their files were not copied.
    """

    rows: Mapping[str, int]
    trainings: int
    without_files: int
    faults: tuple[str, ...]


def copy_warehouse(source: Warehouse, target: Warehouse) -> Copied:
    """Copies all tables of `source` in one transaction, and the files of its trainings before that ends.

    `source` stays as it is. A kill leaves no rows. Raises UserError where there is no other warehouse, and where
    `target` has rows.
    """
    require_another(source, target)
    rows = {}
    with source.read() as reading, target.write() as writing:
        if _has_rows(writing):
            raise UserError(f"the warehouse {target.place} has rows already; name one that is empty")
        for table in [f"{schema}.{name}" for schema, tables in SCHEMAS.items() for name in tables]:
            rows[table] = 0
            for batch in reading.execute(f"FROM {table}").to_arrow_reader(AT_ONCE):
                append(writing, table, batch)
                rows[table] += len(batch)
        for asset, kind in assets_of(reading):
            target.show(writing, asset, kind)
        keys = reading.execute("SELECT DISTINCT key FROM memo.calls WHERE kind = 'training' ORDER BY 1").fetchall()
        theirs, ours = CheckpointFiles(source), CheckpointFiles(target)
        # A collection may have freed the files of a training whose call stays.
        there = [key for (key,) in keys if theirs.folder(key).exists() or theirs.fault(key) is None]
        found = [(key, ours.take(theirs, key)) for key in there]
    faults = tuple(f"checkpoints/{key}: {fault}" for key, fault in found if fault)
    counts = {table: count for table, count in rows.items() if count}
    return Copied(counts, len(found) - len(faults), len(keys) - len(there), faults)


def _has_rows(connection: duckdb.DuckDBPyConnection) -> bool:
    tables = ["memo.calls", *(f"lineage.{name}" for name in LINEAGE)]
    return any(connection.execute(f"FROM {table} LIMIT 1").fetchone() for table in tables)
