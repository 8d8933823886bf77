"""Every description of a model or source is kept, in the order in which builds used it, so that a wrong licence can
still be seen a year later. The latest description is the current one."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from tests.support.versions import rows
from warehouse.store.file_warehouse import FileWarehouse
from warehouse.store.materials import DESCRIPTION, record_materials
from warehouse.store.versions import Store


def source(licence: str, origin: str | None) -> pl.DataFrame:
    described = ("a" * 32, "source", "wiki", "path:x", "b" * 64, licence, origin, "[]")
    return pl.DataFrame([described], schema=dict.fromkeys(DESCRIPTION, pl.String), orient="row")


def test_a_description_is_recorded_if_it_differs_from_the_last_one(tmp_path: Path) -> None:
    database = FileWarehouse(tmp_path / "warehouse.duckdb")
    for licence, origin in (("MIT", None), ("MIT", None), ("MIT", "human"), ("CC0-1.0", "human"), ("MIT", None)):
        record_materials(database, source(licence, origin))
    assert rows(Store(database), "SELECT licence, origin FROM lineage.materials ORDER BY recorded_at") == [
        ("MIT", None),
        ("MIT", "human"),
        ("CC0-1.0", "human"),
        ("MIT", None),
    ]
    assert rows(Store(database), "SELECT licence, origin FROM lineage.described") == [("MIT", None)]
    assert rows(Store(database), "SELECT name, licence FROM lineage.sources") == [("wiki", "MIT")]
