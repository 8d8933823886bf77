"""The provenance of a stored version: the models and sources in its ancestry, the code, the recipe and the run."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, timedelta
from pathlib import Path

import duckdb
import polars as pl

from warehouse.audit.ancestry import Place
from warehouse.audit.versions import ancestry_of_version, built_by, column_of, with_upstream
from warehouse.core.errors import UserError
from warehouse.core.identity import file_digest
from warehouse.release.attestation import Exported, Provenance
from warehouse.release.layout import TEST, table, tables_of
from warehouse.store.versions import kept_rows
from warehouse.store.warehouse import Warehouse


def provenance_of(connection: duckdb.DuckDBPyConnection, asset: str, version: str) -> Provenance:
    """The provenance of a version, with models and sources as they were described when it was built."""
    building = built_by(connection, asset, version)
    found = ancestry_of_version(connection, asset, version, building.finished)
    materials = [*found.used, *found.ancestors]
    names = {material.name for material in materials}
    excepted = building.recipe.get("policy", {}).get("exceptions", {})
    return Provenance(
        recipe=building.recipe,
        code=_code(connection, with_upstream(connection, asset, version)),
        run=building.run,
        started=(building.finished - timedelta(seconds=building.seconds)).replace(tzinfo=UTC),
        finished=building.finished.replace(tzinfo=UTC),
        materials=materials,
        exceptions={name: reason for name, reason in excepted.items() if name in names},
        versions=_packages(found.engines),
    )


def _code(connection: duckdb.DuckDBPyConnection, places: list[Place]) -> dict[str, str]:
    """Digests by "<asset>: <file>", because two assets may have been built with two states of the same file."""
    found: dict[str, str] = {}
    for place in sorted(places):
        code = json.loads(column_of(connection, place, "code"))
        found |= {f"{place[0]}: {file}": digest for file, digest in code.items()}
    return found


def _packages(engines: Iterable[str]) -> dict[str, str]:
    """The versions of each package that computed a model call."""
    packages: dict[str, set[str]] = {}
    for engine in engines:
        for word in engine.split():
            name, pinned, version = word.partition("==")
            if pinned:
                packages.setdefault(name, set()).add(version)
    return {name: ", ".join(sorted(versions)) for name, versions in sorted(packages.items())}


def exported(database: Warehouse, arm: str, folder: Path) -> tuple[Exported, Provenance]:
    """The last export of an arm to `folder`, and its provenance.

    Raises UserError if there is none, or if a file there is no longer the one that was written.
    """
    asset, place = f"training_sets/{arm}", folder.resolve()
    with database.read() as connection:
        rows = connection.execute(
            "SELECT version, files, override FROM lineage.exports WHERE asset = ? AND folder = ? "
            "ORDER BY exported_at DESC LIMIT 1",
            [asset, str(place)],
        ).fetchall()
        if not rows:
            raise UserError(
                f"nothing of the arm {arm!r} was exported to {place}; "
                f"export it first: slingshot export {arm} --to {folder}"
            )
        version, files, override = rows[0][0], json.loads(rows[0][1]), rows[0][2]
        kept = kept_rows(connection, asset, version)
        provenance = provenance_of(connection, asset, version)
    for name, sha256 in files.items():
        path = place / name
        found = file_digest(path) if path.is_file() else "no file"
        if found != sha256:
            raise UserError(
                f"{path} is not what was exported (found: {found}; written: {sha256}); "
                f"export it again: slingshot export {arm} --to {folder}"
            )
    tables = tables_of(arm, files)
    ids = (
        ids_in(place, tables) if tables else kept
    )  # an export from before there were splits has the order of the version
    held_out = ids_in(place, [table(arm, TEST)]) if table(arm, TEST) in files else ()
    return Exported(arm, asset, version, place, files, ids, override, held_out), provenance


def ids_in(folder: Path, tables: Iterable[str]) -> list[str]:
    """The row ids of Parquet files in `folder`, in order."""
    return [row_id for name in tables for row_id in pl.read_parquet(folder / name, columns=["id"])["id"]]
