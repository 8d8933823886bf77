"""Models, sources and what they declare to be made from, as recipes have described them over time."""

from __future__ import annotations

import duckdb
import polars as pl

from warehouse.store.database import Database, now
from warehouse.store.inserting import insert

DESCRIPTION = ("id", "role", "name", "address", "sha256", "licence", "origin", "made_from")


def record_materials(database: Database, described: pl.DataFrame) -> None:
    """Puts descriptions (columns DESCRIPTION) on record, those that differ from the latest one of the same id."""
    with database.read() as connection:
        if _changed(connection, described).is_empty():
            return
    with database.write() as connection:
        changed = _changed(connection, described)
        insert(connection, "lineage.materials", changed.with_columns(recorded_at=pl.lit(now())))


def _changed(connection: duckdb.DuckDBPyConnection, described: pl.DataFrame) -> pl.DataFrame:
    known = connection.execute("FROM lineage.described").pl().select(DESCRIPTION)
    return described.select(DESCRIPTION).join(known, on=DESCRIPTION, how="anti", nulls_equal=True)
