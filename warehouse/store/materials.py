"""Records how recipes have described models, sources and their ancestors over time."""

from __future__ import annotations

from collections.abc import Iterable

import duckdb
import polars as pl

from warehouse.core.identity import canonical
from warehouse.lineage.material import Material
from warehouse.store.inserting import insert
from warehouse.store.warehouse import Warehouse, now

DESCRIPTION = ("id", "role", "name", "address", "sha256", "licence", "origin", "made_from")


def material_rows(materials: Iterable[Material]) -> pl.DataFrame:
    """One row per material, with the columns DESCRIPTION; `made_from` is JSON."""
    rows = [
        {column: getattr(one, column) or None for column in DESCRIPTION} | {"made_from": canonical(list(one.made_from))}
        for one in materials
    ]
    return pl.DataFrame(rows, schema=dict.fromkeys(DESCRIPTION, pl.String))


def record_materials(database: Warehouse, rows: pl.DataFrame) -> None:
    """Record the descriptions (columns DESCRIPTION) that differ from the latest one with the same id."""
    with database.write("lineage") as connection:
        insert(connection, "lineage.materials", _changed(connection, rows).with_columns(recorded_at=pl.lit(now())))


def are_recorded(database: Warehouse, rows: pl.DataFrame) -> bool:
    """Whether the latest descriptions of all these materials are these."""
    with database.read() as connection:
        return _changed(connection, rows).is_empty()


def _changed(connection: duckdb.DuckDBPyConnection, rows: pl.DataFrame) -> pl.DataFrame:
    known = connection.execute("FROM lineage.described").pl().select(DESCRIPTION)
    return rows.select(DESCRIPTION).join(known, on=DESCRIPTION, how="anti", nulls_equal=True)
