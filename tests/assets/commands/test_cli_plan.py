"""Users run `slingshot plan` before they pay for a build, and `slingshot build` even when nothing is stale. Both must
report the state clearly, as text and as JSON."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from slingshot import app
from tests.support.building import edit


def slingshot(*arguments: str, recipe: Path, data: Path) -> Result:
    """Runs the command in this process."""
    environment = {"SLINGSHOT_RECIPE": str(recipe), "SLINGSHOT_WAREHOUSE": str(data)}
    return CliRunner().invoke(app, arguments, env=environment)


@pytest.fixture
def edited(built: tuple[Path, Path], tmp_path: Path) -> tuple[Path, Path]:
    """An edited recipe, and a warehouse that was built before the edit."""
    recipe = Path(shutil.copy(built[0], tmp_path / "recipe.yaml"))
    edit(recipe, lambda values: values["curation"].update(rows=3))
    return recipe, built[1]


def words(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines() if line.strip()]


HEAD = ["state", "asset", "rows", "calls", "time"]


def test_the_plan_of_a_fresh_warehouse_is_that_nothing_is_to_do(built: tuple[Path, Path]) -> None:
    done = slingshot("plan", "--detailed-exitcode", recipe=built[0], data=built[1])
    assert (done.exit_code, done.stdout) == (0, "44 assets, all fresh: a build has nothing to do\n")
    lines = words(slingshot("plan", "--all", recipe=built[0], data=built[1]).stdout)
    assert lines[0] == HEAD
    assert {line[0] for line in lines[1:-1]} == {"fresh"}
    assert len(lines[1:-1]) == 44


def test_the_plan_of_a_selection_shows_what_is_stale_and_why(edited: tuple[Path, Path]) -> None:
    recipe, data = edited
    done = slingshot("plan", "+training_sets/self_training", recipe=recipe, data=data)
    assert (done.exit_code, done.stderr) == (0, "")
    lines = words(done.stdout)
    rows = lines[1][-1]
    assert lines == [
        HEAD,
        ["stale", "training_sets/self_training", rows],
        ["curation.rows", "2", "→", "3"],
        ["6", "assets:", "5", "fresh,", "1", "stale;", "no", "model", "call", "to", "compute"],
        ["next:", "slingshot", "build", "+training_sets/self_training"],
    ]
    assert int(rows) >= 3


def test_the_exit_status_says_on_request_whether_there_is_something_to_build(edited: tuple[Path, Path]) -> None:
    recipe, data = edited
    for asset, code in (("training_sets/self_training", 2), ("seed_tasks", 0)):
        assert slingshot("plan", asset, "--detailed-exitcode", recipe=recipe, data=data).exit_code == code
        assert slingshot("plan", asset, "--detailed-exitcode", "--json", recipe=recipe, data=data).exit_code == code
        assert slingshot("plan", asset, recipe=recipe, data=data).exit_code == 0


def test_the_plan_as_json_has_every_field_of_every_asset(edited: tuple[Path, Path]) -> None:
    recipe, data = edited
    found = {one["asset"]: one for one in json.loads(slingshot("plan", "--json", recipe=recipe, data=data).stdout)}
    assert len(found) == 44
    rows = found["training_sets/self_training"]["rows"]
    assert found["training_sets/self_training"] == {
        "asset": "training_sets/self_training",
        "state": "stale",
        "reasons": ["curation.rows 2 → 3"],
        "certainty": "known",
        "rows": rows,
        "most_rows": None,
        "losses": [],
        "inner": [],
        "calls": 0,
        "from_memo": 0,
        "seconds": 0.0,
        "same_content": False,
        "error": None,
    }
    assert found["seed_tasks"] == {
        "asset": "seed_tasks",
        "state": "fresh",
        "reasons": [],
        "certainty": "known",
        "rows": None,
        "most_rows": None,
        "losses": [],
        "inner": [],
        "calls": 0,
        "from_memo": 0,
        "seconds": 0.0,
        "same_content": True,
        "error": None,
    }
    student = found["students/self_training"]
    assert student["reasons"] == ["training_sets/self_training: 1 pair added"]
    assert (student["calls"], student["certainty"], student["seconds"] > 0) == (1, "counted", True)
    assert (
        found["predictions/longform/self_training"]["calls"],
        found["predictions/longform/self_training"]["certainty"],
    ) == (2, "bounded")


def test_a_plan_of_an_unknown_asset_is_one_clear_error(tiny: Path, tmp_path: Path) -> None:
    done = slingshot("plan", "leaderbord", recipe=tiny, data=tmp_path / "data")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("slingshot: no asset is named 'leaderbord'; did you mean 'leaderboard'? (known: ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "data").exists()


def test_the_plan_of_an_asset_without_its_inputs_names_the_missing_one(tiny: Path, tmp_path: Path) -> None:
    done = slingshot("plan", "seed_tasks", recipe=tiny, data=tmp_path / "data")
    assert done.exit_code == 1
    assert [" ".join(line) for line in words(done.stdout)[1:]] == [
        "blocked seed_tasks",
        "its input benchmark_items has not been built",
        "1 asset: 1 blocked; no model call to compute",
        "next: change what fails, then slingshot plan",
    ]


def test_a_build_with_nothing_stale_says_so_and_that_no_arm_differs(own: tuple[Path, Path]) -> None:
    recipe, data = own
    done = slingshot("build", recipe=recipe, data=data)
    assert (done.exit_code, done.stderr) == (0, "")
    first, board = done.stdout.splitlines()
    assert re.fullmatch(r"nothing is stale: 44 unchanged in \d:\d\d, no calls", first)
    done = slingshot("build", "--json", recipe=recipe, data=data)
    assert {name: len(assets) for name, assets in json.loads(done.stdout).items()} == {
        "built": 0,
        "restored": 0,
        "unchanged": 44,
    }
    assert done.stderr.startswith("nothing is stale: 44 unchanged in ")
    assert board == "leaderboard: 4 arms within the noise of base in 2 metrics; slingshot status shows it"
