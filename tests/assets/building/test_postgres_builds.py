"""A dataset must not depend on where its tables are. So a recipe is built with tables in PostgreSQL, also with kills
and twice at once, and compared with one whose tables are in a file, row by row."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from assets.loading.deployment import tables_in
from slingshot import app
from tests.support.building import edit, planned, query
from tests.support.killing import content, killed_builds, repeated, same
from tests.support.postgres import Server
from tests.support.serving import Server as Ui
from tests.support.tiny import ROOT, quick
from warehouse.core.errors import UserError
from warehouse.store.file_warehouse import FILE, FileWarehouse
from warehouse.store.places import Tables, warehouse_at
from warehouse.store.warehouse import MARK


def in_postgres(folder: Path, server: Server) -> Tables:
    """Writes a deployment file that names a new database."""
    tables = {"postgres": server.database()}
    (folder / "deployment.yaml").write_text(yaml.safe_dump({"tables": tables}))
    return Tables(**tables)


def test_a_server_gives_what_a_file_gives_whatever_is_killed(tiny: Path, tmp_path: Path, postgres: Server) -> None:
    edit(tiny, quick)
    draw = random.Random(1812)
    (events,) = killed_builds(tiny, tmp_path / "embedded", 0, draw, 0)
    expected = content(tmp_path / "embedded" / "data")

    tables = in_postgres(tmp_path, postgres)
    builds = killed_builds(tiny, tmp_path / "killed", 2, draw, len(events))
    assert len(builds) == 3
    assert repeated(builds[-1:]) == []
    data = tmp_path / "killed" / "data"
    same(content(data, tables), expected)
    assert not (data / FILE).exists()
    assert {one.state for one in planned(tiny, data).values()} == {"fresh"}


def test_two_builds_at_once_compute_and_store_everything_once(tiny: Path, tmp_path: Path, postgres: Server) -> None:
    edit(tiny, quick)
    tables, data = in_postgres(tmp_path, postgres), tmp_path / "data"
    environment = os.environ | {"SLINGSHOT_RECIPE": str(tiny), "SLINGSHOT_WAREHOUSE": str(data)}
    command = [sys.executable, str(ROOT / "slingshot.py"), "build"]
    builds = [subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [build.wait() for build in builds] == [0, 0]
    for table, key in (("memo.calls", "key, budget"), ("lineage.edges", "*"), ("lineage.versions", "asset, version")):
        twice = query(data, f"SELECT {key} FROM {table} GROUP BY ALL HAVING count(*) > 1", tables)
        assert twice.is_empty()
    computed = query(data, "SELECT sum(computed)::BIGINT FROM lineage.materializations", tables).item()
    assert computed == query(data, "SELECT count(*) FROM memo.calls", tables).item()


def test_the_ui_materializes_into_a_server_and_commands_read_it(tiny: Path, tmp_path: Path, postgres: Server) -> None:
    tables, data = in_postgres(tmp_path, postgres), tmp_path / "data"
    with Ui(tiny, data) as ui:
        ui.wait()
        assert ui.materialize([["benchmark_items"], ["seed_tasks"], ["raw_self_training"]]) == "SUCCESS"
    kept = query(data, "SELECT count(*) FROM raw_self_training", tables).item()
    assert kept > 0
    shown = CliRunner().invoke(app, ["show", "raw_self_training", "--warehouse", str(data), "--json"])
    assert json.loads(shown.output)["outcomes"]["kept"] == kept
    assert not (data / FILE).exists()


def test_a_copied_warehouse_is_fresh_and_has_the_same_answer_to_every_question(
    own: tuple[Path, Path], tmp_path: Path, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, data = own
    row = query(data, "SELECT id FROM training_sets__self_instruct LIMIT 1").item()
    document = query(data, "SELECT id FROM documents LIMIT 1").item()
    rejected = query(
        data, "SELECT record FROM lineage.decisions WHERE outcome = 'rejected' ORDER BY ALL LIMIT 1"
    ).item()
    questions = [
        *(["why", row, "--all"], ["trace", row], ["why-not", rejected], ["why-not", "the", "--limit", "9"]),
        *(["ledger", "--every-version"], ["quarantine"], ["audit"], ["status"], ["log"]),
        *(["log", "leaderboard"], ["show", "leaderboard"], ["show", "training_sets/self_instruct"]),
        *(["recall", document, "--dry-run"], ["gc", "--keep", "1", "--calls", "--dry-run"], ["plan"]),
    ]
    options = ["--warehouse", str(data), "--json"]

    def said() -> list[str]:
        monkeypatch.setenv("SLINGSHOT_RECIPE", str(recipe))
        return [CliRunner().invoke(app, [*words, *options]).output for words in questions]

    from_file = said()
    assert [words for words, one in zip(questions, from_file, strict=True) if one[:1] not in ("[", "{")] == []
    in_postgres(tmp_path, postgres)
    deployment = tmp_path / "deployment.yaml"
    deployment.rename(tmp_path / "team.yaml")
    copied = CliRunner().invoke(app, ["copy", str(tmp_path / "team.yaml"), "--push", *options])
    assert copied.exit_code == 0, copied.output
    monkeypatch.setenv("SLINGSHOT_DEPLOYMENT", str(tmp_path / "team.yaml"))
    (data / FILE).unlink()
    for words, before, after in zip(questions, from_file, said(), strict=True):
        assert after == before, words


def test_a_copy_that_fails_leaves_the_warehouse_as_it_was_and_the_way_back_works(
    own: tuple[Path, Path], tmp_path: Path, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, data = own
    monkeypatch.setenv("SLINGSHOT_RECIPE", str(recipe))
    in_postgres(tmp_path, postgres)
    team, deployment = tmp_path / "team.yaml", tmp_path / "deployment.yaml"
    deployment.rename(team)
    before = query(data, "FROM lineage.records ORDER BY ALL").rows()
    with FileWarehouse(data / FILE).write() as connection:
        connection.execute("INSERT INTO lineage.records FROM lineage.records LIMIT 1")
    failed = CliRunner().invoke(app, ["copy", str(team), "--push", "--warehouse", str(data)])
    assert failed.exit_code == 1
    assert "these rows are there twice; slingshot audit names what is wrong" in failed.output
    assert len(query(data, "FROM lineage.records")) == len(before) + 1
    with FileWarehouse(data / FILE).write() as connection:
        connection.execute("CREATE OR REPLACE TABLE lineage.records AS SELECT DISTINCT * FROM lineage.records")
    assert CliRunner().invoke(app, ["copy", str(team), "--push", "--warehouse", str(data)]).exit_code == 0
    (data / FILE).rename(tmp_path / "before.duckdb")
    team.rename(deployment)
    back = ["copy", str(deployment), "--warehouse", str(tmp_path / "back")]
    done = CliRunner().invoke(app, back)
    assert done.exit_code == 0, done.output
    assert query(tmp_path / "back", "FROM lineage.records ORDER BY ALL").rows() == before
    assert "has rows already; name one that is empty" in CliRunner().invoke(app, back).output


def test_a_folder_remembers_its_database_and_refuses_another(tmp_path: Path, postgres: Server) -> None:
    """Else a command that does not find the deployment file would take all checkpoints for garbage."""
    data, first, second = tmp_path / "data", Tables(postgres.database()), Tables(postgres.database())
    with warehouse_at(data, first).read():
        pass
    assert not data.exists()
    with warehouse_at(data, first).write():
        pass
    assert warehouse_at(data).place == first.postgres
    assert warehouse_at(data, environment="pr-12").environment == "pr-12"
    assert tables_in(data / MARK) == first
    with pytest.raises(UserError, match=r"belongs to the tables at .*, not to those at .*; use another folder"):
        warehouse_at(data, second)
    shared = Tables(second.postgres, tmp_path / "shared")
    with warehouse_at(tmp_path / "own", shared).write():
        pass
    assert warehouse_at(tmp_path / "shared").place == warehouse_at(tmp_path / "own").place == second.postgres
    file = FileWarehouse(tmp_path / "file" / FILE)
    with file.write():
        pass
    with pytest.raises(UserError, match=r"has tables in slingshot\.duckdb, but those of .* are asked for; copy them"):
        warehouse_at(tmp_path / "file", first)
    (data / MARK).write_text("[]")
    with pytest.raises(UserError, match=r"tables\.json does not name a database: .*; delete it, or write it again"):
        warehouse_at(data)
