"""What stands behind rows: the models, sources and declared ancestors in their actual ancestry, however many rows."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import duckdb
import polars as pl

from warehouse.lineage.graph import named_by

SHOWN = 5
"""So many ids of unknown origin are given."""

Place = tuple[str, str]
"""(asset, version)."""


@dataclass(frozen=True)
class Described:
    """A model, a source or an ancestor as it was described last; `made_from` are names."""

    id: str
    role: Literal["model", "source", "ancestor"]
    name: str
    address: str | None
    sha256: str | None
    licence: str
    origin: str | None
    made_from: tuple[str, ...]


@dataclass(frozen=True)
class Behind:
    """`used` are the models and sources behind rows, `ancestors` what these declare to be made from.

    `unknown` counts the places where the ancestry ends in nothing that is described, with some of their `ids`;
    `engines` are the packages that computed the model calls behind the rows.
    """

    used: tuple[Described, ...]
    ancestors: tuple[Described, ...]
    unknown: int
    ids: tuple[str, ...]
    engines: tuple[str, ...]


def chain(connection: duckdb.DuckDBPyConnection, inputs: Mapping[str, str]) -> list[Place]:
    """The stored versions that something which reads `inputs` (data versions by asset) was made from, however far back.

    Of versions with the same rows the current one is taken, else the latest.
    """
    found: list[Place] = []
    waiting = list(inputs.items())
    while waiting:
        asset, data_version = waiting.pop()
        rows = connection.execute(
            "SELECT version, inputs FROM lineage.versions LEFT JOIN lineage.current c USING (asset, version) "
            "WHERE asset = ? AND data_version = ? ORDER BY c.asset IS NULL, created_at DESC LIMIT 1",
            [asset, data_version],
        ).fetchall()
        for version, read in rows:
            if (asset, version) not in found:
                found.append((asset, version))
                waiting += json.loads(read).items()
    return found


def behind(
    connection: duckdb.DuckDBPyConnection,
    rows: Collection[str],
    measured_by: Iterable[Place] = (),
    at: datetime | None = None,
) -> Behind:
    """What stands behind records, calls or models: all that they are made from, as it was described last (or `at`).

    What measured a row is no ancestor of it, and yet decided that it stays: it counts where one of the versions
    `measured_by` keeps it.
    """
    connection.register("asked", pl.DataFrame({"id": sorted(rows)}, schema={"id": pl.String}))
    places = pl.DataFrame(sorted(measured_by), schema={"asset": pl.String, "version": pl.String}, orient="row")
    connection.register("places", places)
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE behind_rows AS WITH RECURSIVE measures AS ("
        "SELECT record AS id FROM lineage.decisions SEMI JOIN places USING (asset, version) "
        "SEMI JOIN (SELECT asset, version FROM lineage.versions WHERE kind IN ('perplexity', 'embedding')) "
        "USING (asset, version) WHERE outcome = 'kept' "
        "AND record IN (SELECT child FROM lineage.edges SEMI JOIN asked ON parent = id)"
        "), found(id) AS (FROM asked UNION FROM measures "
        "UNION SELECT l.parent FROM lineage.links l JOIN found f ON l.child = f.id"
        ") FROM found"
    )
    connection.unregister("asked")
    connection.unregister("places")
    engines = connection.execute(
        "SELECT DISTINCT engine FROM memo.calls SEMI JOIN behind_rows ON key = id ORDER BY 1"
    ).fetchall()
    ends = connection.execute(
        "SELECT id FROM behind_rows ANTI JOIN lineage.edges ON child = id ANTI JOIN memo.calls ON key = id ORDER BY id"
    ).fetchall()
    described = _described(connection, at)
    used = {row_id: described[row_id] for (row_id,) in ends if row_id in described}
    unknown = [row_id for (row_id,) in ends if row_id not in described]
    return Behind(
        tuple(sorted(used.values(), key=_place)),
        tuple(sorted(_made_from(used, described).values(), key=_place)),
        len(unknown),
        tuple(unknown[:SHOWN]),
        tuple(engine for (engine,) in engines),
    )


def _described(connection: duckdb.DuckDBPyConnection, at: datetime | None) -> dict[str, Described]:
    rows = connection.execute(
        "SELECT id, role, name, address, sha256, licence, origin, made_from FROM lineage.materials "
        "WHERE recorded_at <= coalesce(?, recorded_at) "
        "QUALIFY row_number() OVER (PARTITION BY id ORDER BY recorded_at DESC) = 1",
        [at],
    ).fetchall()
    return {row[0]: Described(*[*row[:-1], tuple(json.loads(row[-1]))]) for row in rows}


def _made_from(used: dict[str, Described], described: dict[str, Described]) -> dict[str, Described]:
    """Everything that is declared and named behind `used`, however deep, without these."""
    by_name: dict[str, list[Described]] = {}
    for one in described.values():
        by_name.setdefault(one.name, []).append(one)
    found: dict[str, Described] = {}
    waiting = list(used.values())
    while waiting:
        one = waiting.pop()
        for other in (other for name in named_by(one.origin, one.made_from) for other in by_name.get(name, [])):
            if other.id not in used and other.id not in found:
                found[other.id] = other
                waiting.append(other)
    return found


def _place(one: Described) -> tuple[str, str, str]:
    return one.role, one.name, one.id
