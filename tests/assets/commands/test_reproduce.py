"""An attestation names the recipe, the sources and the models. So somebody who has nothing else must get the same rows
from it, and must be told clearly where they are not the same."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from slingshot import app
from tests.support.building import query

ARM = "self_training"


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "300"})


def last_lines(done: Result, count: int) -> list[str]:
    return done.output.splitlines()[-count:]


@pytest.fixture(scope="module")
def released(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an attested export of a copy of the built warehouse."""
    folder = tmp_path_factory.mktemp("released")
    shutil.copytree(built[1], folder / "data")
    at = ("--warehouse", folder / "data")
    assert run("export", ARM, "--to", folder / "exports", "--recipe", built[0], *at).exit_code == 0
    assert run("attest", ARM, "--to", folder / "exports", *at).exit_code == 0
    return folder / "exports"


def test_an_empty_machine_makes_the_same_rows(released: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone" / "set.intoto.json"
    alone.parent.mkdir()
    shutil.copy(released / f"{ARM}.intoto.json", alone)
    ids = query(released.parent / "data", f"SELECT id FROM training_sets__{ARM} ORDER BY position")["id"].to_list()
    done = run("reproduce", alone, "--to", tmp_path / "again")
    assert done.exit_code == 0, done.output
    (line,) = last_lines(done, 1)
    assert line.startswith(f"equal: {len(ids)} rows of arm {ARM}, Merkle root ")
    made = query(tmp_path / "again" / "warehouse", f"SELECT id FROM training_sets__{ARM} ORDER BY position")
    assert made["id"].to_list() == ids

    # Other rows than the attested ones are reported, with how many were built again where the files are at hand.
    statement = json.loads(alone.read_text())
    for one in statement["predicate"]["runDetails"]["byproducts"]:
        if one["name"] == "row ids":
            root = one["digest"] = {name: "0" * 64 for name in one["digest"]}
    assert root
    alone.write_text(json.dumps(statement))
    done = run("reproduce", alone, "--to", tmp_path / "again", "--json")
    found = json.loads(done.stdout)
    assert (done.exit_code, found["equal"], found["found_again"]) == (1, False, None)
    beside = released / "other.intoto.json"
    beside.write_text(json.dumps(statement))
    done = run("reproduce", beside, "--to", tmp_path / "again")
    beside.unlink()
    assert done.exit_code == 1
    assert last_lines(done, 4)[:3] == [
        line.replace("equal", "not equal"),
        f"attested:  {len(ids)} rows, Merkle root {'0' * 64}",
        f"{len(ids)} of the attested rows were built again",
    ]


def test_with_the_calls_of_the_first_build_nothing_is_computed(released: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    assert run("sync", released.parent / "data", "--warehouse", again / "warehouse").exit_code == 0
    calls = len(query(again / "warehouse", "FROM memo.calls"))
    done = run("reproduce", released / f"{ARM}.intoto.json", "--to", again)
    assert (done.exit_code, last_lines(done, 1)[0].split(":")[0]) == (0, "equal")
    assert len(query(again / "warehouse", "FROM memo.calls")) == calls


def test_a_folder_with_another_recipe_is_refused(released: Path, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("seed: 1\n")
    done = run("reproduce", released / f"{ARM}.intoto.json", "--to", tmp_path)
    said = f"{tmp_path / 'recipe.yaml'} is not the recipe of {released / f'{ARM}.intoto.json'}"
    assert done.exit_code == 1
    assert said in done.output
    assert (tmp_path / "recipe.yaml").read_text() == "seed: 1\n"


def test_a_changed_recipe_is_refused(released: Path, tmp_path: Path) -> None:
    statement = json.loads((released / f"{ARM}.intoto.json").read_text())
    statement["predicate"]["buildDefinition"]["externalParameters"]["recipe"]["seed"] += 1
    changed = tmp_path / "set.intoto.json"
    changed.write_text(json.dumps(statement))
    done = run("reproduce", changed, "--to", tmp_path / "again")
    assert done.exit_code == 1
    assert f"the recipe in {changed} has the sha256 " in done.output
    assert not (tmp_path / "again").exists()
