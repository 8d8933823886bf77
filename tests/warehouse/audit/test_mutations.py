"""The checks must find errors: each test makes one wrong change in a consistent warehouse, and the right check must
report the row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from assets.openness.ancestry import training_sets
from slingshot import app
from tests.support.building import build, query
from warehouse.audit.integrity import Finding, integrity
from warehouse.core.identity import canonical, digest
from warehouse.results.result import Gate
from warehouse.schema.records import Pair
from warehouse.store.answer_digests import add_answer_digests
from warehouse.store.calls import Call
from warehouse.store.file_warehouse import FileWarehouse
from warehouse.store.inserting import insert_rows
from warehouse.store.warehouse import Warehouse

ARM = "self_training"
PATH = (f"raw_{ARM}", f"enhanced_instructions/{ARM}", f"diverse_instructions/{ARM}", f"training_sets/{ARM}")


@pytest.fixture
def database(own: tuple[Path, Path]) -> Warehouse:
    found = FileWarehouse(own[1] / "slingshot.duckdb")
    assert integrity(found) == []
    assert all(check.passed for check in training_sets(found).values())
    return found


def one(database: Warehouse, sql: str) -> Any:
    return query(database.path.parent, sql).row(0)[0]


def change(database: Warehouse, sql: str) -> None:
    with database.write() as connection:
        connection.execute(sql)


def test_a_row_of_a_closed_model_is_found_even_if_all_ids_fit(database: Warehouse, own: tuple[Path, Path]) -> None:
    with database.write() as connection:
        planted = plant(connection)
        for asset in PATH:
            forge(connection, asset, planted)
    assert integrity(database) == []
    checks = training_sets(database)
    assert [asset for asset, check in checks.items() if not check.passed] == [PATH[-1]]
    assert "'gpt-4' is a closed model of OpenAI" in checks[PATH[-1]].facts["not open"]
    done = CliRunner().invoke(app, ["audit", "--warehouse", str(own[1])])
    assert done.exit_code == 1
    assert "'gpt-4' is a closed model of OpenAI" in " ".join(done.output.split())


def plant(connection: duckdb.DuckDBPyConnection) -> str:
    """Insert a pair that a closed model wrote, with everything that belongs to a pair, and return its id."""
    model = digest("gpt-4")
    ((seed,),) = connection.execute("SELECT id FROM seed_tasks LIMIT 1").fetchall()
    call = Call("completion", model, {"messages": [["user", "Why?"]]}, 24)
    connection.execute(
        "INSERT INTO memo.calls SELECT ? AS key, * EXCLUDE (key) "
        "REPLACE (? AS model, ? AS request, NULL AS answer_digest) FROM memo.calls WHERE kind = 'completion' LIMIT 1",
        [call.key, model, canonical(call.request)],
    )
    add_answer_digests(connection)
    connection.execute(
        "INSERT INTO lineage.materials VALUES (?, 'model', 'helper', 'http://localhost:1/v1#gpt-4', "
        "repeat('0', 64), 'Apache-2.0', 'mixed', '[]', now()::TIMESTAMP)",
        [model],
    )
    gate = Gate(Pair)
    content = {"method": ARM, "level": "", "instruction": "Why?", "input": "", "response": "Because."}
    planted = gate.keep(content, [(seed, "instruction"), (call.key, "call")])
    insert_rows(connection, "planted", "0" * 32, gate.result(), "pair")
    connection.execute("DELETE FROM lineage.decisions WHERE asset = 'planted'")
    return planted


def forge(connection: duckdb.DuckDBPyConnection, asset: str, row: str) -> None:
    """Add `row` to the kept rows of the current version, and adjust every number that depends on it."""
    ((version, before),) = connection.execute(
        "SELECT version, data_version FROM lineage.versions SEMI JOIN lineage.current USING (asset, version) "
        "WHERE asset = ?",
        [asset],
    ).fetchall()
    connection.execute(
        "INSERT INTO lineage.decisions SELECT asset, version, ?, 'kept', NULL, NULL, NULL, NULL, max(position) + 1 "
        "FROM lineage.decisions WHERE asset = ? AND version = ? GROUP BY ALL",
        [row, asset, version],
    )
    kept = connection.execute(
        "SELECT record FROM lineage.decisions WHERE asset = ? AND version = ? AND outcome = 'kept' ORDER BY position",
        [asset, version],
    ).fetchall()
    after = digest([record for (record,) in kept])
    connection.execute(
        "UPDATE lineage.versions SET incoming = incoming + 1, data_version = ? WHERE asset = ? AND version = ?",
        [after, asset, version],
    )
    connection.execute("UPDATE lineage.versions SET inputs = replace(inputs, ?, ?)", [before, after])


def test_a_model_without_a_description_counts_as_not_open(database: Warehouse) -> None:
    change(database, "DELETE FROM lineage.materials WHERE name = 'generator'")
    assert [finding.what for finding in integrity(database)] == [
        "records with a parent that is not on record",
        "model calls answered by an unknown model",
    ]
    checks = training_sets(database)
    assert {check.passed for check in checks.values()} == {False}
    assert "of unknown origin, which counts as not open" in checks[PATH[-1]].facts["not open"]


def test_a_missing_parent_is_found(database: Warehouse) -> None:
    parent = one(
        database,
        f"SELECT parent FROM lineage.edges JOIN training_sets__{ARM} ON child = id WHERE role = 'instruction' LIMIT 1",
    )
    children = query(
        database.path.parent, f"SELECT DISTINCT child FROM lineage.edges WHERE parent = '{parent}' ORDER BY 1"
    )["child"].to_list()
    change(database, f"DELETE FROM records.seed_task WHERE id = '{parent}'")
    change(database, f"DELETE FROM lineage.records WHERE id = '{parent}'")
    change(database, f"DELETE FROM lineage.edges WHERE child = '{parent}'")
    assert integrity(database) == [
        Finding("parents", "records with a parent that is not on record", len(children), tuple(children[:5])),
        Finding("ledger", "records that decisions name and that are not on record", 1, (parent,)),
    ]


def test_a_missing_edge_is_found(database: Warehouse) -> None:
    child = one(database, f"SELECT id FROM training_sets__{ARM} LIMIT 1")
    change(database, f"DELETE FROM lineage.edges WHERE child = '{child}' AND role = 'instruction'")
    what = "records whose id is not the hash of what they say and were made from"
    assert integrity(database) == [Finding("content", what, 1, (child,))]


@pytest.mark.parametrize(("table", "column"), [("document", "text"), ("pair", "response"), ("prediction", "text")])
def test_a_changed_text_is_found(database: Warehouse, table: str, column: str) -> None:
    row = one(database, f"SELECT id FROM records.{table} LIMIT 1")
    change(database, f"UPDATE records.{table} SET {column} = {column} || ' ' WHERE id = '{row}'")
    what = "records whose id is not the hash of what they say and were made from"
    assert integrity(database) == [Finding("content", what, 1, (row,))]


def test_a_changed_text_of_a_row_that_was_not_kept_is_found(database: Warehouse) -> None:
    row, content = query(database.path.parent, "SELECT id, content FROM lineage.records WHERE content IS NOT NULL").row(
        0
    )
    forged = canonical(json.loads(content) | {"title": "forged"})
    with database.write() as connection:
        connection.execute("UPDATE lineage.records SET content = ? WHERE id = ?", [forged, row])
    assert [(finding.rule, finding.ids) for finding in integrity(database)] == [("content", (row,))]


def test_a_dropped_decision_is_found(database: Warehouse, own: tuple[Path, Path]) -> None:
    version = one(database, f"SELECT version FROM lineage.current WHERE asset = '{PATH[0]}'")
    dropped = one(
        database, f"SELECT record FROM lineage.outcomes WHERE asset = '{PATH[0]}' AND outcome = 'rejected' LIMIT 1"
    )
    change(database, f"DELETE FROM lineage.decisions WHERE asset = '{PATH[0]}' AND record = '{dropped}'")
    place = f"{PATH[0]} {version}"
    assert integrity(database) == [Finding("ledger", "versions that lost rows, or decided twice", 1, (place,))]
    done = CliRunner().invoke(app, ["ledger", "--warehouse", str(own[1])])
    assert done.exit_code == 1
    assert "NO" in done.output


def test_a_row_that_a_gate_did_not_read_is_found(database: Warehouse) -> None:
    version = one(database, f"SELECT version FROM lineage.current WHERE asset = '{PATH[1]}'")
    twin = one(
        database,
        f"SELECT record FROM lineage.outcomes WHERE asset = '{PATH[1]}' AND outcome = 'kept' ORDER BY position DESC",
    )
    other = one(database, "SELECT id FROM raw_self_instruct LIMIT 1")
    change(database, f"UPDATE lineage.decisions SET record = '{other}' WHERE asset = '{PATH[1]}' AND record = '{twin}'")
    found = {(finding.rule, finding.what) for finding in integrity(database) if f"{PATH[1]} {version}" in finding.ids}
    assert found == {
        ("ledger", "versions that did not decide about exactly the rows that they read"),
        ("data version", "versions whose kept rows are not those that were published"),
    }


def test_a_changed_prompt_is_found(database: Warehouse) -> None:
    key = one(database, "SELECT key FROM memo.calls WHERE kind = 'completion' LIMIT 1")
    change(database, f"UPDATE memo.calls SET request = replace(request, 'user', 'system') WHERE key = '{key}'")
    assert [(finding.rule, finding.ids) for finding in integrity(database)] == [("calls", (key,))]


def test_a_planted_row_stops_the_build_of_what_reads_it(database: Warehouse, own: tuple[Path, Path]) -> None:
    before = one(database, f"SELECT version FROM lineage.current WHERE asset = '{PATH[1]}'")
    with database.write() as connection:
        forge(connection, PATH[0], plant(connection))
    log, failures = build(*own)
    assert [failure.asset for failure in failures] == [PATH[1]]
    assert failures[0].message.startswith(f"{PATH[1]} failed its check openness (")
    assert "'gpt-4' is a closed model of OpenAI" in failures[0].message
    assert not any(asset.endswith(f"/{ARM}") for asset in log.actions)
    # Nothing is published, so a later build checks again.
    assert one(database, f"SELECT version FROM lineage.current WHERE asset = '{PATH[1]}'") == before
