"""How a stored version came to be: the run that built it, the versions it was built from, the ancestry of its rows."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from warehouse.audit.ancestry import Ancestry, Place, ancestry, upstream_versions
from warehouse.store.versions import kept_rows


@dataclass(frozen=True)
class Building:
    """The run that built a version: its id, the whole recipe, when it ended (UTC) and how many seconds it took."""

    run: str
    recipe: dict[str, Any]
    finished: datetime
    seconds: float


def built_by(connection: duckdb.DuckDBPyConnection, asset: str, version: str) -> Building:
    """The run that built a stored version."""
    ((run, recipe, finished, seconds),) = connection.execute(
        "SELECT m.run, r.recipe, m.finished_at, m.seconds FROM lineage.materializations m "
        "JOIN lineage.recipes r ON r.digest = m.recipe WHERE m.asset = ? AND m.version = ? "
        "ORDER BY m.action <> 'built', m.finished_at LIMIT 1",
        [asset, version],
    ).fetchall()
    return Building(run, json.loads(recipe), finished, seconds)


def ancestry_of_version(
    connection: duckdb.DuckDBPyConnection, asset: str, version: str, at: datetime | None = None
) -> Ancestry:
    """The ancestry of the rows of a version, of what measured them, and of the models and sources in its recipe.

    Materials are as they were described last, or last before `at`.
    """
    places = with_upstream(connection, asset, version)
    rows = {*kept_rows(connection, asset, version), *_materials_in_recipes(connection, places)}
    return ancestry(connection, rows, places, at)


def with_upstream(connection: duckdb.DuckDBPyConnection, asset: str, version: str) -> list[Place]:
    """A stored version and all versions that it was built from, directly or through others."""
    inputs = json.loads(column_of(connection, (asset, version), "inputs"))
    return [(asset, version), *upstream_versions(connection, inputs)]


def _materials_in_recipes(connection: duckdb.DuckDBPyConnection, places: Iterable[Place]) -> set[str]:
    """Ids of the models and sources in the recipe slices of versions."""
    rows = connection.execute("SELECT DISTINCT role, name, sha256, id FROM lineage.materials").fetchall()
    ids = {(role, name, sha256): row_id for role, name, sha256, row_id in rows}
    found = set()
    for place in places:
        for path, value in json.loads(column_of(connection, place, "recipe")).items():
            section, _, name = path.partition(".")
            if section in ("models", "sources") and (row_id := ids.get((section[:-1], name, value["sha256"]))):
                found.add(row_id)
    return found


def column_of(connection: duckdb.DuckDBPyConnection, place: Place, column: str) -> str:
    """The value of a version in a column of lineage.versions."""
    query = f"SELECT {column} FROM lineage.versions WHERE asset = ? AND version = ?"
    cell: str = connection.execute(query, [*place]).fetchall()[0][0]
    return cell
