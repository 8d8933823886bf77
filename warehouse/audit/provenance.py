"""How a stored version came to be: the models and sources behind it, the code, the recipe and the run that built it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import duckdb

from warehouse.attestation import Exported, MaterialUsed, Provenance
from warehouse.database import Database
from warehouse.errors import Mendable
from warehouse.identity import file_digest
from warehouse.lineage import Graph
from warehouse.materials import IN_FORCE
from warehouse.store import kept_rows


class NotExported(Mendable):
    """What is to be attested was not exported, or its files are no longer what was exported."""


Place = tuple[str, str]
"""(asset, version)."""


def chain(connection: duckdb.DuckDBPyConnection, asset: str, version: str) -> list[Place]:
    """The version and all stored versions that it was made from, however far back; versions of one content are one."""
    found: list[Place] = []
    waiting = [(asset, version)]
    while waiting:
        place = waiting.pop()
        if place in found:
            continue
        found.append(place)
        row = connection.execute("SELECT inputs FROM lineage.versions WHERE asset = ? AND version = ?", [*place])
        for name, data_version in json.loads(row.fetchall()[0][0]).items():
            made = connection.execute(
                "SELECT asset, version FROM lineage.versions LEFT JOIN lineage.current c USING (asset, version) "
                "WHERE asset = ? AND data_version = ? ORDER BY c.asset IS NULL, created_at DESC LIMIT 1",
                [name, data_version],
            ).fetchall()
            waiting += made
    return found


def materials_behind(connection: duckdb.DuckDBPyConnection, asset: str, version: str) -> list[dict[str, Any]]:
    """The models, sources and declared ancestors behind a version's rows, as described last, by name.

    Those in the rows' actual ancestry, and those that the recipe named for whatever made or measured them on the way.
    A model that answered and of which nothing is on record is given with None for all but its id.
    """
    kept = kept_rows(connection, asset, version)
    graph = Graph(connection)
    rows = connection.execute(f"SELECT * EXCLUDE (recorded_at) FROM ({IN_FORCE})")
    columns = [column[0] for column in rows.description or []]
    described = {row[0]: dict(zip(columns, row, strict=True)) for row in rows.fetchall()}
    named = set(_named(connection, chain(connection, asset, version), described))
    links = graph.ancestry([*kept, *named])
    behind = named | {link.parent for link in links}
    unknown = {link.parent for link in links if link.role in ("model", "source", "base")} - described.keys()
    nothing = dict.fromkeys(columns)
    checkpoints = {one.checkpoint for one in graph.answering.values()}
    found = [one for row_id, one in described.items() if row_id in behind]
    found += [nothing | {"id": row_id, "role": "model"} for row_id in unknown - checkpoints]
    return sorted(found, key=lambda one: (one["role"], one["name"] or "", one["id"]))


def _named(
    connection: duckdb.DuckDBPyConnection, places: list[Place], described: dict[str, dict[str, Any]]
) -> Iterator[str]:
    """Ids of the models and sources that the recipe slices of versions name."""
    by_name = {(one["role"], one["name"], one["sha256"]): row_id for row_id, one in described.items()}
    for place in places:
        row = connection.execute("SELECT recipe FROM lineage.versions WHERE asset = ? AND version = ?", [*place])
        for path, value in json.loads(row.fetchall()[0][0]).items():
            section, _, name = path.partition(".")
            if section in ("models", "sources") and (row_id := by_name.get((section[:-1], name, value["sha256"]))):
                yield row_id


def provenance_of(connection: duckdb.DuckDBPyConnection, asset: str, version: str) -> Provenance:
    """What an attestation says of a version."""
    materials = [
        MaterialUsed(one["role"], one["name"], one["address"], one["sha256"], one["licence"], one["origin"])
        for one in materials_behind(connection, asset, version)
        if one["name"]
    ]
    run, text, finished, seconds = connection.execute(
        "SELECT m.run, r.recipe, m.finished_at, m.seconds FROM lineage.materializations m "
        "JOIN lineage.recipes r ON r.digest = m.recipe WHERE m.asset = ? AND m.version = ? "
        "ORDER BY m.action <> 'built', m.finished_at LIMIT 1",
        [asset, version],
    ).fetchall()[0]
    recipe = json.loads(text)
    names = {material.name for material in materials}
    excepted = recipe.get("policy", {}).get("exceptions", {})
    return Provenance(
        recipe=recipe,
        code=_code(connection, chain(connection, asset, version)),
        run=run,
        started=(finished - timedelta(seconds=seconds)).replace(tzinfo=UTC),
        finished=finished.replace(tzinfo=UTC),
        materials=materials,
        exceptions={name: reason for name, reason in excepted.items() if name in names},
        versions=_engines(connection),
    )


def _code(connection: duckdb.DuckDBPyConnection, places: list[Place]) -> dict[str, str]:
    """Digests by "<asset>: <file>": two assets may have been built by two states of one file."""
    found: dict[str, str] = {}
    for asset, version in sorted(places):
        row = connection.execute("SELECT code FROM lineage.versions WHERE asset = ? AND version = ?", [asset, version])
        found |= {f"{asset}: {file}": digest for file, digest in json.loads(row.fetchall()[0][0]).items()}
    return found


def _engines(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Versions of the packages that computed model calls, by package."""
    rows = connection.execute("SELECT DISTINCT engine FROM memo.calls ORDER BY 1").fetchall()
    packages: dict[str, set[str]] = {}
    for (engine,) in rows:
        for word in engine.split():
            name, pinned, version = word.partition("==")
            if pinned:
                packages.setdefault(name, set()).add(version)
    return {name: ", ".join(sorted(versions)) for name, versions in sorted(packages.items())}


def exported(database: Database, arm: str, folder: Path) -> tuple[Exported, Provenance]:
    """What was exported last of an arm into `folder`, and how it came to be.

    Raises NotExported where nothing was, or where a file there is no longer the one that was written.
    """
    asset, place = f"training_sets/{arm}", folder.resolve()
    with database.read() as connection:
        rows = connection.execute(
            "SELECT version, files FROM lineage.exports WHERE asset = ? AND folder = ? "
            "ORDER BY exported_at DESC LIMIT 1",
            [asset, str(place)],
        ).fetchall()
        if not rows:
            raise NotExported(
                f"nothing of the arm {arm!r} was exported to {place}; "
                f"export it first: slingshot export {arm} --to {folder}"
            )
        version, files = rows[0][0], json.loads(rows[0][1])
        ids = kept_rows(connection, asset, version)
        provenance = provenance_of(connection, asset, version)
    for name, sha256 in files.items():
        path = place / name
        found = file_digest(path) if path.is_file() else "no file"
        if found != sha256:
            raise NotExported(
                f"{path} is not what was exported: found {found}, written was {sha256}; "
                f"export it again: slingshot export {arm} --to {folder}"
            )
    return Exported(arm, asset, version, place, files, ids), provenance
