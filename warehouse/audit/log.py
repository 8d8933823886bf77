"""The history of a warehouse: what each build did, and the stored versions of an asset with what changed in each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from warehouse.audit.diff import differences
from warehouse.audit.finding import NotFound
from warehouse.core.texts import nearest
from warehouse.store.reasons import recipe_changes
from warehouse.store.warehouse import Warehouse


@dataclass(frozen=True)
class LoggedVersion:
    """A stored version of an asset, first published at `created_at` (UTC): `kept` of `incoming` rows.

    `because` says what differs from the version before it, in recipe, code, withdrawals, inputs and retries; nothing
    for the first. `exported` are the folders that it was written to.
    """

    asset: str
    version: str
    created_at: datetime
    kept: int
    incoming: int
    is_current: bool
    exported: tuple[str, ...]
    because: tuple[str, ...]


@dataclass(frozen=True)
class LoggedBuild:
    """A run of a build that ended at `finished_at` (UTC): the assets that it `built` and `restored`, and its cost.

    `unchanged` counts the assets that it left as they were; `computed` are model calls, `seconds` those that the assets
    took. `because` says what differs from the recipe of the run before.
    """

    run: str
    finished_at: datetime
    built: tuple[str, ...]
    restored: tuple[str, ...]
    unchanged: int
    computed: int
    tokens: int
    seconds: float
    because: tuple[str, ...]


def versions_of(database: Warehouse, asset: str) -> list[LoggedVersion]:
    """The stored versions of an asset, the newest first; versions that were collected are missing.

    Raises NotFound for an asset that was never built."""
    with database.read() as connection:
        rows = connection.execute(
            "SELECT version, v.created_at, l.kept, l.incoming, is_current FROM lineage.ledger l "
            "JOIN lineage.versions v USING (asset, version) WHERE asset = ? ORDER BY v.created_at, version",
            [asset],
        ).fetchall()
        if not rows:
            built = [name for (name,) in connection.execute("SELECT DISTINCT asset FROM lineage.versions").fetchall()]
            raise NotFound(f"the asset {asset!r} was not built here; {nearest(asset, built)}")
        folders = _exports(connection, asset)
        found = []
        for number, (version, created_at, kept, incoming, is_current) in enumerate(rows):
            because = differences(connection, asset, rows[number - 1][0], version) if number else []
            exported = tuple(folders.get(version, ()))
            found.append(
                LoggedVersion(asset, version, created_at, kept, incoming, is_current, exported, tuple(because))
            )
    return found[::-1]


def builds(database: Warehouse) -> list[LoggedBuild]:
    """Every run that built anything, found it unchanged or restored it, the newest first."""
    with database.read() as connection:
        rows = connection.execute(
            "SELECT run, asset, action, computed, tokens, seconds, finished_at, recipe "
            "FROM lineage.materializations ORDER BY finished_at, asset"
        ).fetchall()
        recipes = {
            digest: json.loads(recipe)
            for digest, recipe in connection.execute("SELECT digest, recipe FROM lineage.recipes").fetchall()
        }
    by_run: dict[str, list[tuple[Any, ...]]] = {}
    for run, *row in rows:
        by_run.setdefault(run, []).append(tuple(row))
    found: list[LoggedBuild] = []
    before: dict[str, Any] | None = None
    for run, of_run in sorted(by_run.items(), key=lambda one: one[1][-1][5]):
        *_, finished_at, digest = of_run[-1]
        recipe = recipes.get(digest, {})
        changes = [] if before is None else recipe_changes(before, recipe)
        found.append(_build(run, of_run, finished_at, changes))
        before = recipe
    return found[::-1]


def _build(run: str, rows: Sequence[tuple[Any, ...]], finished_at: datetime, changes: Sequence[str]) -> LoggedBuild:
    by_action = {
        action: tuple(row[0] for row in rows if row[1] == action) for action in ("built", "restored", "unchanged")
    }
    computed, tokens, seconds = (sum(row[place] for row in rows) for place in (2, 3, 4))
    return LoggedBuild(
        run,
        finished_at,
        by_action["built"],
        by_action["restored"],
        len(by_action["unchanged"]),
        computed,
        tokens,
        seconds,
        tuple(changes),
    )


def _exports(connection: duckdb.DuckDBPyConnection, asset: str) -> dict[str, list[str]]:
    """The folders of exports, each once, by version."""
    found: dict[str, list[str]] = {}
    query = "SELECT version, folder FROM lineage.exports WHERE asset = ? ORDER BY exported_at"
    for version, folder in connection.execute(query, [asset]).fetchall():
        if folder not in found.setdefault(version, []):
            found[version].append(folder)
    return found
