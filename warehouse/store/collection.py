"""The collection of old versions: what nothing that is kept stands on is found, told, and freed.

Kept are, of each asset, the current version and those used most recently; every version that something outside names;
and what each of these was made from, so that its lineage can be followed and its texts be read. The history of runs
(lineage.materializations), materials and exports stay whole. Model calls stay unless asked for: with them a collected
version is made again without a model, but for its training, whose checkpoint is gone.

It is for times when no build runs. A build beside it that goes back to a version just freed fails and can be started
again; with calls, what a build has computed and not yet published belongs to no version, and is freed under it.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import polars as pl
from filelock import FileLock, Timeout

from warehouse.schema.records import KINDS
from warehouse.store.database import Database, WarehouseError
from warehouse.store.memo import claim_on

NAMED_OUTSIDE = "SELECT asset, version FROM lineage.exports"
"""The versions that something outside the warehouse names."""

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
    """A folder of a checkpoint to be freed, with the bytes of its files."""

    path: Path
    bytes: int


@dataclass(frozen=True)
class Garbage:
    """What a collection frees that keeps the `keep` versions of each asset used last, and `calls` or not.

    `rows` counts by table ("lineage.decisions", "records.pair", "memo.calls"), tables that lose none left out.
    """

    keep: int
    calls: bool
    versions: tuple[OldVersion, ...]
    rows: Mapping[str, int]
    folders: tuple[OldFolder, ...]

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to free."""
        return not (self.rows or self.folders)


def find_garbage(database: Database, keep: int, calls: bool = False) -> Garbage:
    """What can be freed if each asset keeps its current version and the `keep` (≥ 1) used most recently; only reads.

    With `calls`, model calls and failures that led to no record that stays are garbage too, as are checkpoints that
    were finished and never published, and trainings that were not finished.
    """
    with database.read() as connection:
        return _mark(connection, database, keep, calls)


def collect(database: Database, garbage: Garbage) -> None:
    """Frees `garbage`: its rows all or none, then its folders; then the file shrinks by what that left free.

    Raises WarehouseError, and frees nothing, where what can be freed has changed since `garbage` was found. Folders
    that a kill leaves are freed by a later collection, those it did not yet get to by one with `calls`.
    """
    with database.write() as connection:
        if _mark(connection, database, garbage.keep, garbage.calls) != garbage:
            raise WarehouseError(
                "the warehouse changed while it was decided what to free; nothing was freed: "
                "wait for builds to end, and run slingshot gc again"
            )
        for table, rule in _rules(garbage.calls).items():
            connection.execute(f"DELETE FROM {table} WHERE {rule}")
    _remove([folder.path for folder in garbage.folders])
    if garbage.rows:
        database.compact()


def _mark(connection: duckdb.DuckDBPyConnection, database: Database, keep: int, calls: bool) -> Garbage:
    """Fills the temporary tables that the rules refer to, and counts what they hit."""
    kept = pl.DataFrame(
        sorted(_kept_versions(connection, keep)), schema={"asset": pl.String, "version": pl.String}, orient="row"
    )
    connection.register("kept", kept)
    connection.execute(
        "CREATE TEMP TABLE old_versions AS SELECT asset, version, created_at FROM lineage.versions "
        "ANTI JOIN kept USING (asset, version)"
    )
    # Parents are records, calls and materials alike.
    connection.execute(
        "CREATE TEMP TABLE staying AS WITH RECURSIVE found(id) AS ("
        "SELECT unnest([record, duplicate_of]) FROM lineage.decisions SEMI JOIN kept USING (asset, version) "
        "UNION SELECT e.parent FROM lineage.edges e JOIN found f ON e.child = f.id"
        ") SELECT id FROM found WHERE id IS NOT NULL"
    )
    versions = connection.execute("FROM old_versions ORDER BY asset, created_at, version").fetchall()
    counts: dict[str, int] = {}
    for table, rule in _rules(calls).items():
        counts[table] = connection.sql(f"SELECT count(*) FROM {table} WHERE {rule}").fetchall()[0][0]
    return Garbage(
        keep,
        calls,
        tuple(OldVersion(*row) for row in versions),
        {table: count for table, count in counts.items() if count},
        tuple(_old_folders(connection, database, calls)),
    )


def _rules(calls: bool) -> dict[str, str]:
    """By table, which of its rows are freed."""
    old, unheld = "(asset, version) IN (SELECT asset, version FROM old_versions)", "NOT IN (SELECT id FROM staying)"
    rules = {
        "lineage.versions": old,
        "lineage.decisions": old,
        "lineage.records": f"id {unheld}",
        "lineage.edges": f"child {unheld}",
        # Also where only a collected version kept it: its content is nowhere else.
        **{f"records.{kind}": f"id {unheld}" for kind in KINDS},
    }
    return rules | ({"memo.calls": f"key {unheld}", "memo.failures": f"key {unheld}"} if calls else {})


def _kept_versions(connection: duckdb.DuckDBPyConnection, keep: int) -> set[tuple[str, str]]:
    """(asset, version) of all that stays."""
    rows = connection.execute(
        "SELECT asset, version, data_version, inputs, "
        "(asset, version) IN (SELECT asset, version FROM lineage.current) "
        f"OR (asset, version) IN ({NAMED_OUTSIDE}) "
        "FROM lineage.versions LEFT JOIN (SELECT asset, version, max(finished_at) AS used_at "
        "FROM lineage.materializations GROUP BY ALL) USING (asset, version) "
        "ORDER BY coalesce(used_at, created_at) DESC, created_at DESC, version"
    ).fetchall()
    latest: dict[tuple[str, str], tuple[str, str]] = {}
    inputs_of: dict[tuple[str, str], dict[str, str]] = {}
    waiting: list[tuple[str, str]] = []
    rank: Counter[str] = Counter()
    for asset, version, data_version, inputs, named in rows:
        latest.setdefault((asset, data_version), (asset, version))
        inputs_of[asset, version] = json.loads(inputs)
        rank[asset] += 1
        if named or rank[asset] <= keep:
            waiting.append((asset, version))
    kept: set[tuple[str, str]] = set()
    while waiting:
        one = waiting.pop()
        if one not in kept:
            kept.add(one)
            # Versions of one data version kept the same rows; the one used last is most likely kept anyway.
            waiting += [latest[place] for place in inputs_of[one].items() if place in latest]
    return kept


def _old_folders(connection: duckdb.DuckDBPyConnection, database: Database, calls: bool) -> list[OldFolder]:
    recorded: dict[str, bool] = {}
    for training, stays in connection.execute(
        "SELECT training, bool_or(id IN (SELECT id FROM staying)) FROM records.checkpoint GROUP BY training"
    ).fetchall():
        recorded[training] = stays
    found = []
    for path in sorted((database.path.parent / "checkpoints").glob("*")):
        if path.name.startswith(_ASIDE):
            old = True
        elif named := _FOLDER.fullmatch(path.name):
            training, unfinished = named.groups()
            if training in recorded and not unfinished:
                old = not recorded[training]
            else:
                old = calls and not _is_claimed(claim_on(database, [training]))
        else:
            continue
        if old:
            found.append(OldFolder(path, sum(file.stat().st_size for file in path.rglob("*") if file.is_file())))
    return found


def _is_claimed(claim: Path) -> bool:
    if not claim.exists():
        return False
    try:
        with FileLock(claim, timeout=0):
            return False
    except Timeout:
        return True


def _remove(folders: list[Path]) -> None:
    if folders:
        # Half a checkpoint must never stand under the name of a whole one, so they move first, then go.
        aside = Path(tempfile.mkdtemp(dir=folders[0].parent, prefix=_ASIDE))
        for folder in folders:
            folder.rename(aside / folder.name)
        shutil.rmtree(aside)
