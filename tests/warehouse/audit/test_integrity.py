"""The audit must report every row that was added, deleted or changed, and nothing in a warehouse that only builds and
collections have written. Each test makes one change in a small warehouse and compares the whole report."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.planting import WRONG, change, document, found, make, one, with_calls
from tests.support.versions import SOURCE, documents, named, pairs, publish, rows
from warehouse.audit import rehashing
from warehouse.audit.integrity import RULES
from warehouse.core.identity import canonical, digest
from warehouse.results.result import Gate
from warehouse.schema.records import Pair
from warehouse.store.collection import collect, find_garbage
from warehouse.store.file_warehouse import FileWarehouse
from warehouse.store.published import Published
from warehouse.store.versions import Store

TWICE = "records with more than one row in a table"
STRAY = "kept rows that lineage.records does not have, or has under another kind"
MISSING = "records that decisions name and that are not on record"
WITHOUT_ROW = "kept records without a row in the table of their version's kind"
WITHOUT_CURRENT = "assets without one current version that is stored"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("small") / "warehouse.duckdb"
    make(path)
    return path


@pytest.fixture
def store(small: Path, tmp_path: Path) -> Store:
    return Store(FileWarehouse(Path(shutil.copy(small, tmp_path))))


def place(asset: str, version: str) -> str:
    return f"{asset} {named(version)}"


def test_a_second_row_with_an_id_that_is_there_is_reported(store: Store) -> None:
    row = document("a")
    change(store, f"INSERT INTO records.document SELECT * FROM records.document WHERE id = '{row}'")
    assert found(store) == [one("content", TWICE, row)]


@pytest.mark.parametrize("forged_last", [True, False])
def test_a_second_row_that_says_something_else_is_reported_wherever_it_lies(store: Store, forged_last: bool) -> None:
    row = document("a")
    forged = (
        f"INSERT INTO records.document SELECT * REPLACE ('forged' AS text) FROM records.document WHERE id = '{row}'"
    )
    # The row that is read last must not hide the other one.
    swap = "UPDATE records.document SET text = CASE text WHEN 'forged' THEN 'a' ELSE 'forged' END "
    change(store, forged, *([] if forged_last else [f"{swap} WHERE id = '{row}'"]))
    assert found(store) == [one("content", WRONG, row), one("content", TWICE, row)]


def test_a_second_row_in_lineage_records_is_reported(store: Store) -> None:
    row = document("a")
    change(store, f"INSERT INTO lineage.records SELECT * FROM lineage.records WHERE id = '{row}'")
    assert found(store) == [one("content", TWICE, row)]


def test_a_row_in_the_table_of_another_kind_is_reported(store: Store) -> None:
    row = document("a")
    change(store, f"INSERT INTO records.fragment VALUES ('{row}', '{row}', 'sentence', 'a')")
    assert found(store) == [one("content", STRAY, row)]


def test_a_kept_row_that_is_gone_from_everywhere_is_reported(store: Store) -> None:
    (row,) = {pair for pair, text in rows(store, "SELECT id, response FROM records.pair") if text == "a"}
    change(store, *(f"DELETE FROM {table} WHERE id = '{row}'" for table in ("records.pair", "lineage.records")))
    assert found(store) == [
        one("parents", "children of edges that are not on record", row),
        one("ledger", MISSING, row),
    ]
    change(store, f"DELETE FROM lineage.edges WHERE child = '{row}'")
    assert found(store) == [one("ledger", MISSING, row)]


def test_a_kept_row_that_is_gone_from_its_table_alone_is_reported(store: Store) -> None:
    # The content of a record that was first rejected is stored elsewhere too; its row must be missed all the same.
    publish(store, "documents", "3", documents("abcx"))
    row = document("x")
    change(store, f"DELETE FROM records.document WHERE id = '{row}'")
    assert found(store) == [one("ledger", WITHOUT_ROW, row)]


def test_a_version_of_another_kind_than_its_rows_is_reported(store: Store) -> None:
    change(store, "UPDATE lineage.versions SET kind = 'no such kind' WHERE asset = 'pairs'")
    kept = [row for (row,) in rows(store, "SELECT id FROM records.pair")]
    assert found(store) == [one("ledger", WITHOUT_ROW, *kept)]


def test_rejected_rows_that_are_gone_are_reported(store: Store) -> None:
    gone = [document("x"), digest([document("x"), "occurrence", 2])]
    for row in gone:
        change(store, f"DELETE FROM lineage.records WHERE id = '{row}'")
        change(store, f"DELETE FROM lineage.edges WHERE child = '{row}'")
    assert found(store) == [one("ledger", MISSING, *gone)]


def test_a_missing_original_of_a_duplicate_is_reported(store: Store) -> None:
    change(
        store,
        f"UPDATE lineage.decisions SET outcome = 'duplicate', duplicate_of = '{'f' * 32}' "
        f"WHERE record = '{document('x')}'",
    )
    assert found(store) == [one("ledger", MISSING, "f" * 32)]


def test_a_current_version_that_is_not_stored_is_reported(store: Store) -> None:
    change(store, f"UPDATE lineage.pointers SET version = '{named('9')}' WHERE asset = 'pairs'")
    assert found(store) == [one("ledger", WITHOUT_CURRENT, "pairs")]


@pytest.mark.parametrize(
    "planted",
    [
        # Publishing a version also makes it the current one.
        "DELETE FROM lineage.pointers WHERE asset = 'pairs'",
        f"INSERT INTO lineage.pointers VALUES ('', 'pairs', '{named('9')}')",
    ],
)
def test_an_asset_with_no_current_version_or_with_two_is_reported(store: Store, planted: str) -> None:
    change(store, planted)
    assert found(store) == [one("ledger", WITHOUT_CURRENT, "pairs")]


def test_decisions_of_a_version_that_is_not_stored_are_reported(store: Store) -> None:
    publish(store, "documents", "3", documents("a"))
    change(store, f"DELETE FROM lineage.versions WHERE version = '{named('3')}'")
    assert found(store) == [
        one("ledger", "versions that decided and are not stored", place("documents", "3")),
        one("ledger", WITHOUT_CURRENT, "documents"),
    ]


def test_an_edge_that_is_there_twice_is_reported(store: Store) -> None:
    row = document("a")
    change(store, f"INSERT INTO lineage.edges FROM lineage.edges WHERE child = '{row}'")
    assert found(store) == [one("parents", "records with an edge that is there twice", row)]


def test_an_edge_of_a_child_that_is_not_on_record_is_reported(store: Store) -> None:
    change(store, f"INSERT INTO lineage.edges VALUES ('{'f' * 32}', '{SOURCE[0]}', 'source')")
    assert found(store) == [one("parents", "children of edges that are not on record", "f" * 32)]


def test_a_missing_parent_is_reported_though_an_id_is_null(store: Store) -> None:
    change(
        store,
        "INSERT INTO lineage.materials SELECT * REPLACE (NULL AS id) FROM lineage.materials",
        f"UPDATE lineage.edges SET parent = '{'f' * 32}' WHERE child = '{document('a')}'",
    )
    assert found(store) == [
        one("content", WRONG, document("a")),
        one("parents", "records with a parent that is not on record", document("a")),
    ]


def test_thousands_of_equal_rows_are_consistent_and_a_forged_one_among_them_is_reported(store: Store) -> None:
    publish(store, "many", "3", documents(["same"] * 1500))
    publish(store, "many", "4", documents(["same"] * 1200))
    assert found(store) == []
    row = digest([document("same"), "occurrence", 1400])
    forged = canonical({"source": "wiki", "title": "", "text": "forged"})
    change(store, f"UPDATE lineage.records SET content = '{forged}' WHERE id = '{row}'")
    assert found(store) == [one("content", WRONG, row)]


@pytest.mark.parametrize("part", [1, 7])
def test_many_records_are_checked_in_parts(store: Store, monkeypatch: pytest.MonkeyPatch, part: int) -> None:
    """Of a large warehouse not all records are in memory at once. None may be left out, and equal ones that are in
    different parts still belong together."""
    monkeypatch.setattr(rehashing, "PART", part)
    assert found(store) == []
    row = document("a")
    change(store, f"UPDATE records.document SET text = 'forged' WHERE id = '{row}'")
    assert found(store) == [one("content", WRONG, row)]


def test_an_occurrence_with_too_high_a_number_is_reported(store: Store) -> None:
    planted = digest([document("x"), "occurrence", 9])
    for table, column in (("lineage.records", "id"), ("lineage.edges", "child")):
        change(
            store,
            f"INSERT INTO {table} SELECT * REPLACE ('{planted}' AS {column}) FROM {table} "
            f"WHERE {column} = '{document('x')}'",
        )
    assert found(store) == [one("content", WRONG, planted)]


def test_a_collection_leaves_a_consistent_warehouse(store: Store) -> None:
    repeated = documents(["b", "c", "d", "d", "d"], rejected=["x", "y", "y"])
    newer = publish(store, "documents", "3", repeated)
    publish(store, "pairs", "4", with_calls(store, pairs(store, newer)), documents=newer)
    gated(store, "5")
    publish(store, "documents", "6", documents("e", rejected="x"))
    assert found(store) == []
    garbage = find_garbage(store.database, 1)
    assert garbage.rows.keys() == {
        *("lineage.versions", "lineage.decisions", "lineage.records", "lineage.edges"),
        *("records.document", "records.pair"),
    }
    collect(store.database, garbage)
    assert found(store) == []
    # Of the old versions, only those stay that the pairs were made from.
    assert sorted(rows(store, "SELECT asset, version FROM lineage.versions")) == [
        ("documents", named("3")),
        ("documents", named("6")),
        ("gated", named("5")),
        ("pairs", named("4")),
    ]
    garbage = find_garbage(store.database, 1, calls=True)
    assert garbage.rows == {"memo.failures": 1}
    collect(store.database, garbage)
    assert found(store) == []


def gated(store: Store, version: str) -> Published:
    """A gate that keeps the first pair and drops the others as its duplicates."""
    read = store.current("pairs")
    assert read is not None
    first, *others = store.read(read).iter_rows(named=True)
    gate = Gate(Pair)
    gate.keep(first)
    for other in others:
        gate.duplicate(other, first["id"], "similar instruction")
    return publish(store, "gated", version, gate.result(), pairs=read)


def test_every_finding_belongs_to_a_rule_that_the_audit_shows(store: Store) -> None:
    tables = ("lineage.records", "lineage.edges", "lineage.decisions", "lineage.versions", "lineage.pointers")
    for table in tables:
        change(store, f"INSERT INTO {table} SELECT * FROM {table} LIMIT 1")
    assert {finding.rule for finding in found(store)} <= set(RULES)
