"""A warehouse may contain values that no build can write: invalid JSON, invalid numbers, unknown kinds. The audit must
report the row and must not fail."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.planting import EMPTY, WRONG, change, document, found, make, one
from tests.support.versions import SOURCE, named, publish
from warehouse.core.identity import canonical
from warehouse.results.result import Gate
from warehouse.schema.records import Score
from warehouse.store.calls import Call, answer_digest
from warehouse.store.file_warehouse import FileWarehouse
from warehouse.store.versions import Store

CALL = Call("completion", SOURCE[0], {"messages": [["user", "Why?"]]})


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("small") / "warehouse.duckdb"
    make(path)
    return path


@pytest.fixture
def store(small: Path, tmp_path: Path) -> Store:
    return Store(FileWarehouse(Path(shutil.copy(small, tmp_path))))


def test_records_without_an_id_are_reported(store: Store) -> None:
    change(store, "INSERT INTO lineage.records VALUES (NULL, 'document', 'documents', NULL)")
    assert found(store) == [one("content", EMPTY, "NULL"), one("parents", "records without any parent", "NULL")]


@pytest.mark.parametrize("kind", ["'no such kind'", "NULL"])
def test_a_record_of_an_unknown_kind_is_reported(store: Store, kind: str) -> None:
    row = document("x")
    change(store, f"UPDATE lineage.records SET kind = {kind} WHERE id = '{row}'")
    assert found(store) == [
        # The id of the second occurrence is still right, although the first one is no longer found.
        one("content", "records of an unknown kind", row),
    ]


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_a_number_that_no_build_can_write_is_reported(store: Store, number: str) -> None:
    gate = Gate(Score)
    row = gate.keep(
        {"benchmark": "longform", "arm": "x", "seed": 1, "item": "1" * 32, "metric": "rouge_l", "value": 0.5}, [SOURCE]
    )
    publish(store, "scores", "3", gate.result())
    assert found(store) == []
    change(store, f"UPDATE records.score SET value = '{number}'::DOUBLE")
    assert found(store) == [one("content", WRONG, row)]


@pytest.mark.parametrize(
    "content",
    ["", "{", "no JSON", '{"text":NaN}', '["a"]', '{"text":"\\ud800"}', "[" * 100_000],
    ids=["empty", "cut off", "text", "not a number", "a list", "half a character", "deep"],
)
def test_a_content_that_is_not_what_a_build_writes_is_reported(store: Store, content: str) -> None:
    row = document("x")
    with store.database.write() as connection:
        connection.execute("UPDATE lineage.records SET content = ? WHERE id = ?", [content, row])
    assert found(store) == [one("content", WRONG, row)]


@pytest.mark.parametrize("request_", [None, "", "{", '{"x":NaN}', "[" * 100_000])
def test_a_request_that_is_not_what_a_build_writes_is_reported(store: Store, request_: str | None) -> None:
    change(
        store,
        "INSERT INTO memo.calls SELECT key, kind, model, request, 0, true, '{}', NULL, 1, 1.0, '', failed_at, NULL "
        "FROM memo.failures LIMIT 1",
    )
    with store.database.write() as connection:
        connection.execute(
            "UPDATE memo.calls SET key = ?, request = ?, answer_digest = ?",
            [CALL.key, canonical(CALL.request), answer_digest(CALL.key, 0, True, "{}", None, 1, "")],
        )
    assert found(store) == []
    with store.database.write() as connection:
        connection.execute("UPDATE memo.calls SET request = ?", [request_])
    what = "model calls whose key is not the hash of their request"
    assert found(store) == [one("calls", what, CALL.key)]


@pytest.mark.parametrize("inputs", ["NULL", "''", "'{'", "'[]'", "'5'"])
def test_inputs_that_cannot_be_read_are_reported(store: Store, inputs: str) -> None:
    change(store, f"UPDATE lineage.versions SET inputs = {inputs} WHERE asset = 'pairs'")
    assert found(store) == [one("ledger", "versions whose inputs cannot be read", f"pairs {named('2')}")]
