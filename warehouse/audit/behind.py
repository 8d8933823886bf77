"""What stands behind rows: the models, sources and declared ancestors in their actual ancestry, however many rows."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

import duckdb
import polars as pl

from warehouse.lineage import named_by
from warehouse.materials import IN_FORCE

MEASURES = ("measured", "embedded")
"""Roles in which a row is the parent of what judged it."""

SHOWN = 5
"""So many ids of unknown origin are given."""


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

    `unknown` counts the places where the ancestry ends in nothing that is described, with some of their ids.
    """

    used: tuple[Described, ...]
    ancestors: tuple[Described, ...]
    unknown: int
    ids: tuple[str, ...]


def behind(connection: duckdb.DuckDBPyConnection, rows: Collection[str]) -> Behind:
    """What stands behind records, calls or models: what they are made from, and what measured those in force."""
    connection.register("asked", pl.DataFrame({"id": sorted(rows)}, schema={"id": pl.String}))
    # What measured a row is no ancestor of it, yet decided that it stays.
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE behind_rows AS WITH RECURSIVE measures AS ("
        f"SELECT child AS id FROM lineage.edges SEMI JOIN asked ON parent = id WHERE role IN {MEASURES} "
        "AND child IN (SELECT record FROM lineage.outcomes WHERE outcome = 'kept')"
        "), found(id) AS (FROM asked UNION FROM measures "
        "UNION SELECT e.parent FROM lineage.edges e JOIN found f ON e.child = f.id"
        ") FROM found"
    )
    connection.unregister("asked")
    answered = connection.execute(
        "SELECT DISTINCT c.model, a.base FROM memo.calls c SEMI JOIN behind_rows ON key = id "
        "LEFT JOIN lineage.answering a USING (model)"
    ).fetchall()
    described = _described(connection)
    ends = connection.execute(
        "SELECT id FROM behind_rows ANTI JOIN lineage.edges ON child = id ANTI JOIN memo.calls ON key = id ORDER BY id"
    ).fetchall()
    used = {base or model for model, base in answered} | {row_id for (row_id,) in ends}
    unknown = sorted(used - described.keys())
    materials = {row_id: described[row_id] for row_id in used & described.keys()}
    return Behind(
        tuple(sorted(materials.values(), key=_place)),
        tuple(sorted(_made_from(materials, described).values(), key=_place)),
        len(unknown),
        tuple(unknown[:SHOWN]),
    )


def _described(connection: duckdb.DuckDBPyConnection) -> dict[str, Described]:
    columns = "id, role, name, address, sha256, licence, origin"
    rows = connection.execute(f"SELECT {columns}, made_from FROM ({IN_FORCE})").fetchall()
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
