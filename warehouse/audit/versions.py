"""How a stored version came to be: the run that built it, what it was made from, and what is behind its rows."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from warehouse.audit.behind import Behind, Place, behind, chain
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


def behind_version(
    connection: duckdb.DuckDBPyConnection, asset: str, version: str, at: datetime | None = None
) -> Behind:
    """What stands behind the rows of a version, what measured them and what its recipe named on the way.

    All as it was described last, or `at` that time.
    """
    places = places_of(connection, asset, version)
    return behind(connection, {*kept_rows(connection, asset, version), *_named(connection, places)}, places, at)


def places_of(connection: duckdb.DuckDBPyConnection, asset: str, version: str) -> list[Place]:
    """A version and all that it was made from, directly or through others."""
    return [(asset, version), *chain(connection, json.loads(column_of(connection, (asset, version), "inputs")))]


def _named(connection: duckdb.DuckDBPyConnection, places: Iterable[Place]) -> set[str]:
    """Ids of the models and sources that the recipe slices of versions name."""
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
    """What a version has in a column of lineage.versions."""
    query = f"SELECT {column} FROM lineage.versions WHERE asset = ? AND version = ?"
    cell: str = connection.execute(query, [*place]).fetchall()[0][0]
    return cell
