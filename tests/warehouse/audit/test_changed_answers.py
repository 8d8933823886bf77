"""The key of a call says only what was asked, so an answer that was changed in the memo went unnoticed, and later
builds made rows from it. The audit must name it. Warehouses from before answers had a hash must keep all their calls.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from warehouse.audit.integrity import integrity
from warehouse.core.identity import digest
from warehouse.store.calls import Answer, Call, answer_digest
from warehouse.store.file_warehouse import FileWarehouse
from warehouse.store.memo import Memo
from warehouse.store.warehouse import Warehouse

WHAT = "model calls whose answer is not the one that was stored"
ASKED = Call("completion", digest("model"), {"messages": [["user", "Why?"]]}, 8)
EMBEDDED = Call("embedding", digest("embedder"), {"text": "Why?"})


@pytest.fixture
def database(tmp_path: Path) -> Warehouse:
    database = FileWarehouse(tmp_path / "slingshot.duckdb")
    vector = np.array([0.6, -0.8], dtype=np.float32)
    answers = [(ASKED, Answer({"text": "Because."}, 2, 0.1)), (EMBEDDED, Answer({}, 1, 0.1, vector=vector))]
    Memo(database, "torch==2").commit(answers)
    return database


def changed(database: Warehouse) -> list[tuple[str, ...]]:
    return [one.ids for one in integrity(database) if (one.rule, one.what) == ("calls", WHAT)]


@pytest.mark.parametrize(
    ("call", "change"),
    [
        (ASKED, "response = replace(response, 'Because', 'Buy X')"),
        (ASKED, 'response = \'{"text": "Because."}\''),
        (ASKED, "tokens = 3"),
        (ASKED, "budget = 9"),
        (ASKED, "complete = false"),
        (ASKED, "engine = 'other'"),
        (ASKED, "answer_digest = NULL"),
        (EMBEDDED, "vector = [0.6, 0.8]"),
        (EMBEDDED, "vector = [0.6]"),
        (EMBEDDED, "vector = NULL"),
    ],
)
def test_any_change_of_an_answer_is_found(database: Warehouse, call: Call, change: str) -> None:
    assert changed(database) == []
    with database.write() as connection:
        connection.execute(f"UPDATE memo.calls SET {change} WHERE key = ?", [call.key])
    assert changed(database) == [(call.key,)]
    # A later command must not take the changed answer for an old one without a hash.
    with FileWarehouse(database.path).write():
        pass
    assert changed(database) == [(call.key,)]


def test_the_answer_of_another_call_is_found(database: Warehouse) -> None:
    with database.write() as connection:
        connection.execute("UPDATE memo.calls SET key = ? WHERE key = ?", [digest("other"), ASKED.key])
    assert changed(database) == [(digest("other"),)]


def test_an_older_warehouse_gets_the_hashes_at_its_first_write(database: Warehouse, tmp_path: Path) -> None:
    with database.write() as connection:
        connection.execute("CREATE OR REPLACE TABLE memo.calls AS SELECT * EXCLUDE (answer_digest) FROM memo.calls")
    older = FileWarehouse(Path(shutil.copy(database.path, tmp_path / "older.duckdb")))
    assert integrity(older) == []
    with older.read() as connection:
        found = connection.execute("SELECT key, answer_digest FROM memo.calls ORDER BY kind").fetchall()
    assert found == [
        (ASKED.key, answer_digest(ASKED.key, 8, True, '{"text":"Because."}', None, 2, "torch==2")),
        (EMBEDDED.key, answer_digest(EMBEDDED.key, 0, True, "{}", [0.6, -0.8], 1, "torch==2")),
    ]
