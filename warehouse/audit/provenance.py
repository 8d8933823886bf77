"""How a stored version came to be: the models and sources behind it, the code, the recipe and the run that built it."""

from __future__ import annotations

import json
from datetime import UTC, timedelta
from pathlib import Path

import duckdb

from warehouse.attestation import Exported, MaterialUsed, Provenance
from warehouse.audit.behind import Described, behind
from warehouse.database import Database
from warehouse.errors import Mendable
from warehouse.identity import file_digest
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
        for name, data_version in json.loads(_column(connection, place, "inputs")).items():
            made = connection.execute(
                "SELECT asset, version FROM lineage.versions LEFT JOIN lineage.current c USING (asset, version) "
                "WHERE asset = ? AND data_version = ? ORDER BY c.asset IS NULL, created_at DESC LIMIT 1",
                [name, data_version],
            ).fetchall()
            waiting += made
    return found


def materials_behind(connection: duckdb.DuckDBPyConnection, asset: str, version: str) -> list[Described]:
    """The models, sources and declared ancestors behind a version's rows, and behind whatever its recipe named."""
    named = connection.execute(f"SELECT id, role, name, sha256 FROM ({IN_FORCE})").fetchall()
    by_name = {(role, name, sha256): row_id for row_id, role, name, sha256 in named}
    slices = [json.loads(_column(connection, place, "recipe")).items() for place in chain(connection, asset, version)]
    used = {
        row_id
        for path, value in (item for slice_ in slices for item in slice_)
        if (section := path.partition(".")[0]) in ("models", "sources")
        if (row_id := by_name.get((section[:-1], path.partition(".")[2], value["sha256"])))
    }
    found = behind(connection, {*kept_rows(connection, asset, version), *used})
    return [*found.used, *found.ancestors]


def _column(connection: duckdb.DuckDBPyConnection, place: Place, column: str) -> str:
    query = f"SELECT {column} FROM lineage.versions WHERE asset = ? AND version = ?"
    cell: str = connection.execute(query, [*place]).fetchall()[0][0]
    return cell


def provenance_of(connection: duckdb.DuckDBPyConnection, asset: str, version: str) -> Provenance:
    """What an attestation says of a version."""
    materials = [
        MaterialUsed(one.role, one.name, one.address, one.sha256, one.licence, one.origin)
        for one in materials_behind(connection, asset, version)
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
    for place in sorted(places):
        code = json.loads(_column(connection, place, "code"))
        found |= {f"{place[0]}: {file}": digest for file, digest in code.items()}
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
