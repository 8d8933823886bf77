"""Auditors use the views with SQL alone, also in warehouses that an earlier version made. So a warehouse must always
have the views of the present version, and these must name the model behind each call."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb

from warehouse.core.identity import digest
from warehouse.store.file_warehouse import FileWarehouse
from warehouse.store.tables import MARKED, VIEWS_DIGEST
from warehouse.store.warehouse import Warehouse

BASE, WEIGHTS = "b" * 32, "w" * 64


def answering(database: Warehouse) -> list[tuple[str, str, str | None]]:
    with database.read() as connection:
        return connection.execute("SELECT model, base, checkpoint FROM lineage.answering ORDER BY ALL").fetchall()


def train(database: Warehouse, key: str) -> None:
    with database.write() as connection:
        connection.execute(
            "INSERT INTO memo.calls (key, kind, model, request, complete, response, tokens, seconds) "
            "VALUES (?, 'training', ?, '{}', true, ?, 1, 1)",
            [key, BASE, json.dumps({"weights": WEIGHTS})],
        )


def test_a_training_without_a_checkpoint_answers_by_its_call(tmp_path: Path) -> None:
    database = FileWarehouse(tmp_path / "slingshot.duckdb")
    train(database, "call")
    assert answering(database) == [(digest([BASE, WEIGHTS]), BASE, "call")]


def test_a_training_with_a_checkpoint_answers_by_that(tmp_path: Path) -> None:
    database = FileWarehouse(tmp_path / "slingshot.duckdb")
    train(database, "call")
    with database.write() as connection:
        connection.execute(
            "INSERT INTO records.checkpoint (id, base, training, weights) VALUES ('c', ?, 'call', ?)", [BASE, WEIGHTS]
        )
    assert answering(database) == [(digest([BASE, WEIGHTS]), BASE, "c")]


def test_a_warehouse_of_an_earlier_version_has_the_views_of_this_one(tmp_path: Path) -> None:
    path = tmp_path / "slingshot.duckdb"
    train(FileWarehouse(path), "call")
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "CREATE OR REPLACE VIEW lineage.answering AS SELECT 'm' AS model, 'b' AS base, 'c' AS checkpoint"
        )
        connection.execute(f"COMMENT ON VIEW {MARKED} IS 'those of an earlier version'")
    assert answering(FileWarehouse(path)) == [(digest([BASE, WEIGHTS]), BASE, "call")]
    with FileWarehouse(path).read() as connection:
        name = MARKED.split(".")[1]
        found = connection.execute("SELECT comment FROM duckdb_views() WHERE view_name = ?", [name]).fetchall()
    assert found == [(VIEWS_DIGEST,)]
