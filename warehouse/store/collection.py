"""Collection of old versions: finds, lists and frees what no kept version was made from.

For each asset, the current version and the most recently used ones are kept; so is every version that was exported.
Everything that these were made from is kept too, so that their lineage can be followed and their texts can be read.
The history of runs (lineage.materializations), materials and exports are never freed. Model calls are freed only on
request: while they stay, a collected version can be rebuilt without a model, except that a freed checkpoint has to be
trained again.

Run it when no build is running. A build that goes back to a version that was just freed fails and can be started
again. With `calls`, answers that a running build has computed but not yet published are freed as well.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import polars as pl

from warehouse.core.closure import closure
from warehouse.schema.records import KINDS
from warehouse.store.checkpoints import CheckpointFiles, checkpoints_folder
from warehouse.store.engine import recursive
from warehouse.store.warehouse import Warehouse, WarehouseError

NAMED_OUTSIDE = "SELECT asset, version FROM lineage.exports"
"""The versions that something outside the warehouse refers to."""

CURRENT_OR_NAMED = f"SELECT asset, version FROM lineage.pointers UNION {NAMED_OUTSIDE}"

_FOLDER = re.compile(r"([0-9a-f]{32})(\.unfinished|\.finished)?")
_ASIDE = "collected-"


@dataclass(frozen=True)
class OldVersion:
    """A version to be freed."""

    asset: str
    version: str
    created_at: datetime


@dataclass(frozen=True)
class OldFolder:
    """The folder of a checkpoint to be freed, with the size of its files in bytes."""

    path: Path
    bytes: int


@dataclass(frozen=True)
class Garbage:
    """What a collection frees if it keeps the `keep` last used versions of each asset, and frees `calls` or not.

    `rows` is the number of rows by table ("lineage.decisions", "records.pair", "memo.calls"), without tables that lose
    none. `shared` has (training, weights) of the files that are freed where other machines find them.
    """

    keep: int
    calls: bool
    versions: tuple[OldVersion, ...]
    rows: Mapping[str, int]
    folders: tuple[OldFolder, ...]
    shared: tuple[tuple[str, str], ...] = ()

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to free."""
        return not (self.rows or self.folders or self.shared)


def find_garbage(database: Warehouse, keep: int, calls: bool = False) -> Garbage:
    """What can be freed if each asset keeps its current version and the `keep` (≥ 1) last used ones. Only reads.

    With `calls`, model calls and failures that led to no kept record are garbage too; so are checkpoints that were
    never published, and unfinished trainings.
    """
    with database.read() as connection:
        return _mark(connection, database, keep, calls)


def collect(database: Warehouse, garbage: Garbage) -> None:
    """Frees `garbage`: all its rows in one transaction, then its folders and shared files; then the file shrinks.

    Raises WarehouseError and frees nothing if what can be freed has changed since `garbage` was found. If the process
    is killed, a later collection frees the remaining folders; those that were not moved yet need `calls`.
    """
    with database.write() as connection:
        if _mark(connection, database, garbage.keep, garbage.calls) != garbage:
            raise WarehouseError(
                "the warehouse changed after the garbage was listed; nothing was freed: "
                "wait until no build is running, then run slingshot gc again"
            )
        for table, rule in _rules(garbage.calls).items():
            connection.execute(f"DELETE FROM {table} WHERE {rule}")
    _remove([folder.path for folder in garbage.folders])
    for training, weights in garbage.shared:
        CheckpointFiles(database).unshare(training, weights)
    if garbage.rows:
        database.compact()


def _mark(connection: duckdb.DuckDBPyConnection, database: Warehouse, keep: int, calls: bool) -> Garbage:
    """Fills the temporary tables that the rules refer to, and counts the rows that the rules select."""
    kept = pl.DataFrame(
        sorted(kept_versions(connection, keep, CURRENT_OR_NAMED)),
        schema={"asset": pl.String, "version": pl.String},
        orient="row",
    )
    connection.register("kept", kept)
    connection.execute(
        "CREATE TEMP TABLE old_versions AS SELECT asset, version, created_at FROM lineage.versions "
        "ANTI JOIN kept USING (asset, version)"
    )
    create_ancestry(connection, "staying", "kept")
    versions = connection.execute("FROM old_versions ORDER BY asset, created_at, version").fetchall()
    counts: dict[str, int] = {}
    for table, rule in _rules(calls).items():
        counts[table] = connection.sql(f"SELECT count(*) FROM {table} WHERE {rule}").fetchall()[0][0]
    recorded = dict(
        connection.execute(
            "SELECT training, bool_or(id IN (SELECT id FROM staying)) FROM records.checkpoint GROUP BY training"
        ).fetchall()
    )
    return Garbage(
        keep,
        calls,
        tuple(OldVersion(*row) for row in versions),
        {table: count for table, count in counts.items() if count},
        tuple(_old_folders(recorded, database, calls)),
        tuple(_old_shared(connection, database, calls)),
    )


def create_ancestry(connection: duckdb.DuckDBPyConnection, table: str, versions: str) -> None:
    """Creates a temporary table with the `id` of all that the `versions`, a table, decided about and was made from."""
    # A parent can be a record, a call or a material.
    query = (
        f"CREATE TEMP TABLE {table} AS WITH RECURSIVE edges AS NOT MATERIALIZED (FROM lineage.edges), found(id) AS ("
        f"SELECT unnest([record, duplicate_of]) FROM lineage.decisions SEMI JOIN {versions} USING (asset, version) "
        "UNION SELECT e.parent FROM edges e JOIN found f ON e.child = f.id"
        ") SELECT id FROM found WHERE id IS NOT NULL"
    )
    connection.execute(recursive(connection, query))


def _rules(calls: bool) -> dict[str, str]:
    """By table, the SQL condition of the rows that are freed."""
    old, unused = "(asset, version) IN (SELECT asset, version FROM old_versions)", "NOT IN (SELECT id FROM staying)"
    rules = {
        "lineage.versions": old,
        "lineage.decisions": old,
        "lineage.counted": old,
        "lineage.records": f"id {unused}",
        "lineage.edges": f"child {unused}",
        # A record that only collected versions kept goes too.
        **{f"records.{kind}": f"id {unused}" for kind in KINDS},
    }
    return rules | ({"memo.calls": f"key {unused}", "memo.failures": f"key {unused}"} if calls else {})


def kept_versions(connection: duckdb.DuckDBPyConnection, keep: int, named: str) -> set[tuple[str, str]]:
    """(asset, version) of the versions that the SQL query `named` selects, of the `keep` last used ones of each asset,
    and of all that these were made from."""
    rows = connection.execute(
        "SELECT asset, version, data_version, inputs, "
        f"(asset, version) IN ({named}) "
        "FROM lineage.versions LEFT JOIN (SELECT asset, version, max(finished_at) AS used_at "
        "FROM lineage.materializations GROUP BY ALL) USING (asset, version) "
        "ORDER BY coalesce(used_at, created_at) DESC, created_at DESC, version"
    ).fetchall()
    latest: dict[tuple[str, str], tuple[str, str]] = {}
    inputs_of: dict[tuple[str, str], dict[str, str]] = {}
    waiting: list[tuple[str, str]] = []
    rank: Counter[str] = Counter()
    for asset, version, data_version, inputs, is_named in rows:
        latest.setdefault((asset, data_version), (asset, version))
        inputs_of[asset, version] = json.loads(inputs)
        rank[asset] += 1
        if is_named or rank[asset] <= keep:
            waiting.append((asset, version))
    # Versions with the same data version kept the same rows; the last used one is most likely kept anyway.
    return set(closure(waiting, lambda one: [latest[place] for place in inputs_of[one].items() if place in latest]))


def _old_folders(recorded: Mapping[str, bool], database: Warehouse, calls: bool) -> list[OldFolder]:
    """The folders to be freed; `recorded` says of each training on record whether it stays."""
    found = []
    for path in sorted(checkpoints_folder(database).glob("*")):
        if path.name.startswith(_ASIDE):
            old = True
        elif named := _FOLDER.fullmatch(path.name):
            training, unfinished = named.groups()
            if training in recorded and not unfinished:
                old = not recorded[training]
            else:
                old = calls and not database.claims.is_claimed([training])
        else:
            continue
        if old:
            found.append(OldFolder(path, sum(file.stat().st_size for file in path.rglob("*") if file.is_file())))
    return found


def _old_shared(connection: duckdb.DuckDBPyConnection, database: Warehouse, calls: bool) -> Iterator[tuple[str, str]]:
    """(training, weights) of the files to be freed where other machines find them."""
    if database.remote is None:
        return
    old = "SELECT training, weights, bool_or(id IN (SELECT id FROM staying)) FROM records.checkpoint GROUP BY ALL"
    if calls:
        old += (
            " UNION ALL SELECT key, response ->> 'weights', key IN (SELECT id FROM staying) FROM memo.calls "
            "WHERE kind = 'training' AND key NOT IN (SELECT training FROM records.checkpoint)"
        )
    files = CheckpointFiles(database)
    for training, weights, stays in sorted(connection.execute(old).fetchall()):
        if weights and not stays and files.is_shared(training, weights):
            yield training, weights


def _remove(folders: list[Path]) -> None:
    if folders:
        # An incomplete checkpoint must never have the name of a complete one: so folders are moved first, then deleted.
        aside = Path(tempfile.mkdtemp(dir=folders[0].parent, prefix=_ASIDE))
        for folder in folders:
            folder.rename(aside / folder.name)
        shutil.rmtree(aside)
