"""Calls that a colleague or a server has computed need not be computed again. But what is taken over decides rows here,
so a call that was changed on the way must be refused and named, and nothing may be lost or doubled."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from slingshot import app
from tests.support.building import build, query
from tests.support.postgres import Server
from warehouse.audit.integrity import integrity
from warehouse.core.errors import UserError
from warehouse.core.identity import digest
from warehouse.store.calls import Answer, Call, answer_digest
from warehouse.store.file_warehouse import FileWarehouse
from warehouse.store.memo import Memo
from warehouse.store.syncing import Refused, Synced, take_calls
from warehouse.store.warehouse import Warehouse

NOT_STORED = "its answer is not the one that was stored"


def call(text: str, budget: int = 8) -> Call:
    return Call("completion", digest("model"), {"messages": [["user", text]]}, budget)


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words), env={"COLUMNS": "300"})


def warehouse(folder: Path, **answers: str) -> Warehouse:
    database = FileWarehouse(folder / "slingshot.duckdb")
    Memo(database, "torch==2").commit(
        [(call(asked), Answer({"text": text}, 2, 0.1)) for asked, text in answers.items()]
    )
    return database


def responses(database: Warehouse) -> dict[str, str]:
    with database.read() as connection:
        return dict(connection.execute("SELECT key, response ->> 'text' FROM memo.calls ORDER BY 1").fetchall())


def test_what_is_missing_is_taken_and_what_is_there_stays(tmp_path: Path) -> None:
    theirs = warehouse(tmp_path / "theirs", a="A", b="B", c="C")
    ours = warehouse(tmp_path / "ours", c="another C", d="D")
    assert take_calls(theirs, ours) == Synced(2, 1, (call("c").key,), ())
    expected = {call(asked).key: text for asked, text in {"a": "A", "b": "B", "c": "another C", "d": "D"}.items()}
    assert responses(ours) == expected
    assert take_calls(theirs, ours) == Synced(0, 3, (call("c").key,), ())
    assert take_calls(ours, theirs) == Synced(1, 3, (call("c").key,), ())
    assert integrity(ours) == []


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("response = replace(response, 'B', 'Buy X')", NOT_STORED),
        ("engine = 'other'", NOT_STORED),
        ("answer_digest = NULL", NOT_STORED),
        ("request = replace(request, 'b', 'x')", "its key is not the hash of what was asked"),
        ("request = '{'", "its key is not the hash of what was asked"),
        ("model = NULL", "its key is not the hash of what was asked"),
    ],
)
def test_a_changed_call_is_refused_and_named(tmp_path: Path, change: str, why: str) -> None:
    theirs, ours = warehouse(tmp_path / "theirs", a="A", b="B"), FileWarehouse(tmp_path / "ours" / "slingshot.duckdb")
    with theirs.write() as connection:
        connection.execute(f"UPDATE memo.calls SET {change} WHERE key = ?", [call("b").key])
    assert take_calls(theirs, ours) == Synced(1, 0, (), (Refused(call("b").key, "completion", why),))
    assert responses(ours) == {call("a").key: "A"}


@pytest.mark.parametrize(
    ("response", "why"), [("[]", "its answer is no JSON object"), ("{", "Expecting property name")]
)
def test_an_answer_that_no_build_can_read_is_refused_though_its_hashes_fit(
    tmp_path: Path, response: str, why: str
) -> None:
    theirs, ours = warehouse(tmp_path / "theirs", a="A", b="B"), FileWarehouse(tmp_path / "ours" / "slingshot.duckdb")
    hashed = answer_digest(call("b").key, 8, True, response, None, 2, "torch==2")
    with theirs.write() as connection:
        connection.execute(
            "UPDATE memo.calls SET response = ?, answer_digest = ? WHERE key = ?", [response, hashed, call("b").key]
        )
    done = take_calls(theirs, ours)
    assert (done.taken, [(one.key, one.why[: len(why)]) for one in done.refused]) == (1, [(call("b").key, why)])


def test_there_must_be_another_warehouse(tmp_path: Path) -> None:
    ours = warehouse(tmp_path / "ours", a="A")
    with pytest.raises(UserError, match=f"there is no warehouse at {re.escape(str(tmp_path))}"):
        take_calls(FileWarehouse(tmp_path / "slingshot.duckdb"), ours)
    assert not (tmp_path / "slingshot.duckdb").exists()
    with pytest.raises(UserError, match="is this warehouse itself"):
        take_calls(ours, FileWarehouse(tmp_path / "ours" / ".." / "ours" / "slingshot.duckdb"))


def test_a_build_over_taken_calls_computes_nothing_and_gives_the_same(built: tuple[Path, Path], tmp_path: Path) -> None:
    recipe, theirs = built
    ours = tmp_path / "data"
    done = run("sync", str(theirs), "--warehouse", str(ours))
    calls = len(query(theirs, "FROM memo.calls"))
    assert (done.exit_code, done.output) == (0, f"{calls:,} calls taken, 0 were there already, 0 refused\n")
    log, failures = build(recipe, ours)
    assert (failures, sum(log.computed.values())) == ([], 0)
    versions = (
        "SELECT asset, data_version FROM lineage.versions SEMI JOIN lineage.current USING (asset, version) ORDER BY 1"
    )
    assert query(ours, versions).rows() == query(theirs, versions).rows()
    assert integrity(FileWarehouse(ours / "slingshot.duckdb")) == []


def test_a_training_comes_with_its_files_or_not_at_all(built: tuple[Path, Path], tmp_path: Path) -> None:
    theirs, part = built[1], tmp_path / "theirs"
    trained = query(theirs, "SELECT key FROM memo.calls WHERE kind = 'training' ORDER BY key")["key"].to_list()
    (tmp_path / "data").mkdir()
    copied = FileWarehouse(part / "slingshot.duckdb")
    assert take_calls(FileWarehouse(theirs / "slingshot.duckdb"), copied).refused == ()
    (part / "checkpoints" / trained[0] / "adapter_model.safetensors").write_bytes(b"other")
    (part / "checkpoints" / trained[1] / "adapter_config.json").unlink()
    done = run("sync", str(part), "--warehouse", str(tmp_path / "data"))
    assert done.exit_code == 1
    said = "refused: training {}: the files of the training are not those of its answer: {}: {}"
    lines = done.output.splitlines()[1:]
    assert lines == [
        said.format(trained[0], "changed", "adapter_model.safetensors"),
        said.format(trained[1], "missing", "adapter_config.json"),
    ]
    left = sorted(one.name for one in (tmp_path / "data" / "checkpoints").iterdir())
    assert left == trained[2:]
    asked = query(tmp_path / "data", "SELECT key FROM memo.calls WHERE kind = 'training' ORDER BY key")
    assert asked["key"].to_list() == trained[2:]


def test_calls_go_from_a_file_to_a_server_and_back(tmp_path: Path, postgres: Server) -> None:
    ours = warehouse(tmp_path / "ours", a="A", b="B")
    team = tmp_path / "team.yaml"
    team.write_text(f"tables: {{postgres: '{postgres.database()}'}}")
    for words, into in ((["--push"], tmp_path / "ours"), ([], tmp_path / "theirs")):
        done = run("sync", str(team), *words, "--warehouse", str(into), "--json")
        assert json.loads(done.output) == {"taken": 2, "known": 0, "differing": [], "refused": []}
    assert responses(FileWarehouse(tmp_path / "theirs" / "slingshot.duckdb")) == responses(ours)


def test_calls_can_be_given_to_another_warehouse(tmp_path: Path) -> None:
    ours = warehouse(tmp_path / "ours", a="A")
    done = run("sync", str(tmp_path / "new"), "--push", "--warehouse", str(ours.path.parent), "--json")
    assert done.exit_code == 0
    assert responses(FileWarehouse(tmp_path / "new" / "slingshot.duckdb")) == {call("a").key: "A"}
    assert json.loads(done.output) == {"taken": 1, "known": 0, "differing": [], "refused": []}
