"""The ancestry of rows: the models, sources and declared ancestors that any number of rows were made from."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import duckdb
import polars as pl

from warehouse.core.closure import closure
from warehouse.lineage.material import Material, parent_ids, read_materials
from warehouse.store.engine import recursive

SHOWN = 5
"""An ancestry lists at most this many ids of unknown origin."""

Place = tuple[str, str]
"""(asset, version)."""


@dataclass(frozen=True)
class Ancestry:
    """`used` are the models and sources that rows were made from, `ancestors` what these declare to be made from.

    `unknown` counts the records where the ancestry ends without a described model or source; `unknown_ids` lists some
    of them. `engines` are the packages that computed the model calls.
    """

    used: tuple[Material, ...]
    ancestors: tuple[Material, ...]
    unknown: int
    unknown_ids: tuple[str, ...]
    engines: tuple[str, ...]


def upstream_versions(connection: duckdb.DuckDBPyConnection, inputs: Mapping[str, str]) -> list[Place]:
    """The stored versions that `inputs` (data versions by asset) are, and all that these were built from.

    If several versions have the same rows, the current one is taken, or else the latest.
    """
    inputs_of: dict[Place, dict[str, str]] = {}

    def stored(read: Mapping[str, str]) -> Iterator[Place]:
        for asset, data_version in read.items():
            row = connection.execute(
                "SELECT version, inputs FROM lineage.versions LEFT JOIN lineage.current c USING (asset, version) "
                "WHERE asset = ? AND data_version = ? ORDER BY c.asset IS NULL, created_at DESC LIMIT 1",
                [asset, data_version],
            ).fetchone()
            if row:
                inputs_of[asset, row[0]] = json.loads(row[1])
                yield asset, row[0]

    return list(closure(list(stored(inputs)), lambda place: list(stored(inputs_of[place]))))


def ancestry(
    connection: duckdb.DuckDBPyConnection,
    rows: Collection[str],
    measured_by: Iterable[Place] = (),
    at: datetime | None = None,
) -> Ancestry:
    """The ancestry of records, calls or models, with materials as they were described last, or last before `at`.

    A measurement of a row is not an ancestor of the row, but it decided that the row stays. So its ancestry counts too
    if one of the versions `measured_by` keeps the measurement.
    """
    connection.register("asked", pl.DataFrame({"id": sorted(rows)}, schema={"id": pl.String}))
    places = pl.DataFrame(sorted(measured_by), schema={"asset": pl.String, "version": pl.String}, orient="row")
    connection.register("places", places)
    made = (
        "CREATE OR REPLACE TEMP TABLE ancestry_rows AS WITH RECURSIVE links AS NOT MATERIALIZED (FROM lineage.links), "
        "measures AS ("
        "SELECT record AS id FROM lineage.decisions SEMI JOIN places USING (asset, version) "
        "SEMI JOIN (SELECT asset, version FROM lineage.versions "
        "WHERE kind IN ('perplexity', 'alignment', 'embedding')) "
        "USING (asset, version) WHERE outcome = 'kept' "
        "AND record IN (SELECT child FROM lineage.edges SEMI JOIN asked ON parent = id)"
        "), found(id) AS (FROM asked UNION FROM measures "
        "UNION SELECT l.parent FROM links l JOIN found f ON l.child = f.id"
        ") FROM found"
    )
    connection.execute(recursive(connection, made))
    connection.unregister("asked")
    connection.unregister("places")
    engines = connection.execute(
        "SELECT DISTINCT engine FROM memo.calls SEMI JOIN ancestry_rows ON key = id ORDER BY 1"
    ).fetchall()
    ends = connection.execute(
        "SELECT id FROM ancestry_rows ANTI JOIN lineage.edges ON child = id ANTI JOIN memo.calls ON key = id "
        "ORDER BY id"
    ).fetchall()
    described = read_materials(connection, at)
    used = [row_id for (row_id,) in ends if row_id in described]
    unknown = [row_id for (row_id,) in ends if row_id not in described]
    parents = parent_ids(described)
    ancestors = closure(used, lambda row_id: parents[row_id]).keys() - set(used)
    return Ancestry(
        _sorted(used, described),
        _sorted(ancestors, described),
        len(unknown),
        tuple(unknown[:SHOWN]),
        tuple(engine for (engine,) in engines),
    )


def _sorted(ids: Iterable[str], described: Mapping[str, Material]) -> tuple[Material, ...]:
    order = sorted((described[row_id].role, described[row_id].name, row_id) for row_id in ids)
    return tuple(described[row_id] for _, _, row_id in order)
