"""Environments: named sets of pointers to current versions, over the same versions, rows and model calls.

A build in an environment leaves the current versions of the main one as they are. The environment follows the main one
for every asset whose version is the same, so that a new one costs nothing and shows only what differs. Promoting moves
the main pointers to the versions of the environment: nothing is computed or copied. The idea is that of virtual
environments in SQLMesh (https://sqlmesh.readthedocs.io/en/stable/concepts/environments/).
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import polars as pl

from warehouse.core.errors import UserError
from warehouse.core.texts import nearest
from warehouse.store.inserting import insert
from warehouse.store.published import Published
from warehouse.store.versions import point
from warehouse.store.warehouse import Warehouse, now

MAIN = ""
"""The main environment."""

_STORED = (
    "SELECT asset, v.version, data_version, kind, attempt, failed, failed_checks "
    "FROM lineage.pointers p JOIN lineage.versions v USING (asset, version) WHERE environment = ? ORDER BY asset"
)


@dataclass(frozen=True)
class Environment:
    """A named environment and the assets that have another version there than in the main one, in order."""

    name: str
    assets: tuple[str, ...]


def environments(database: Warehouse) -> list[Environment]:
    """The named environments that have an own version of an asset."""
    with database.read() as connection:
        rows = connection.execute(
            "SELECT environment, list(asset ORDER BY asset) FROM lineage.pointers "
            "WHERE environment <> '' GROUP BY ALL ORDER BY ALL"
        ).fetchall()
    return [Environment(name, tuple(assets)) for name, assets in rows]


def promote(database: Warehouse, name: str) -> list[str]:
    """Makes the versions of an environment the main ones, in one transaction; the assets that moved.

    Raises UserError if there is no such environment, or if one of its versions failed a blocking check.
    """
    with database.write("lineage") as connection:
        found = _versions_of(connection, name)
        if faults := [one.fault for one in found if one.fault]:
            raise UserError(f"{name} is not promoted, since {faults[0]}")
        for one in found:
            point(database, connection, MAIN, one)
        _end(connection, name, "promoted", len(found))
    return [one.asset for one in found]


def drop(database: Warehouse, name: str) -> list[str]:
    """Removes the pointers of an environment; the assets that had one. Versions stay until `gc` frees them.

    Raises UserError if there is no such environment.
    """
    with database.write("lineage") as connection:
        found = _versions_of(connection, name)
        _end(connection, name, "dropped", len(found))
    return [one.asset for one in found]


def _versions_of(connection: duckdb.DuckDBPyConnection, name: str) -> list[Published]:
    found = [Published(*row) for row in connection.execute(_STORED, [name]).fetchall() if name != MAIN]
    if not found:
        rows = connection.execute("SELECT DISTINCT environment FROM lineage.pointers ORDER BY 1").fetchall()
        known = [one for (one,) in rows if one != MAIN]
        right = nearest(name, known) if known else "there is none: slingshot build --env NAME makes one"
        raise UserError(f"no environment is named {name!r}, or it has no version of its own; {right}")
    return found


def _end(connection: duckdb.DuckDBPyConnection, name: str, action: str, pointers: int) -> None:
    connection.execute("DELETE FROM lineage.pointers WHERE environment = ?", [name])
    row = {"environment": name, "action": action, "pointers": pointers, "moved_at": now()}
    insert(connection, "lineage.environments", pl.DataFrame([row]))
