"""Users run `slingshot plan` before they pay for a build, and `slingshot build` even when nothing is stale. Both must
report the state clearly, as text and as JSON."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from assets.loading.file import load_recipe
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


HEAD = ["asset", "state", "because", "rows", "calls", "in", "memo", "model", "time"]


def test_the_plan_of_a_fresh_warehouse_is_that_nothing_is_to_do(built: tuple[Path, Path]) -> None:
    lines = words(slingshot("plan", recipe=built[0], data=built[1]).stdout)
    assert lines[0] == HEAD
    assert {line[1] for line in lines[1:-1]} == {"fresh"}
    assert len(lines[1:-1]) == 44
    assert " ".join(lines[-1]) == "44 assets, all fresh: a build has nothing to do"


def test_the_plan_of_a_selection_shows_what_is_stale_and_why(edited: tuple[Path, Path]) -> None:
    recipe, data = edited
    done = slingshot("plan", "+training_sets/self_training", recipe=recipe, data=data)
    assert (done.exit_code, done.stderr) == (0, "")
    lines = words(done.stdout)
    rows = lines[-2][-1]
    assert lines == [
        HEAD,
        *([asset, "fresh"] for asset in ("benchmark_items", "seed_tasks", "raw_self_training")),
        *([f"{stage}_instructions/self_training", "fresh"] for stage in ("enhanced", "diverse")),
        ["training_sets/self_training", "stale", "curation.rows", "2", "→", "3", rows],
        ["6", "assets:", "5", "fresh,", "1", "stale;", "no", "model", "call", "to", "compute"],
    ]
    assert int(rows) >= 3


def test_the_plan_as_json_has_every_field_of_every_asset(edited: tuple[Path, Path]) -> None:
    recipe, data = edited
    found = {one["asset"]: one for one in json.loads(slingshot("plan", "--json", recipe=recipe, data=data).stdout)}
    assert len(found) == 44
    rows = found["training_sets/self_training"]["rows"]
    assert found["training_sets/self_training"] == {
        "asset": "training_sets/self_training",
        "action": "build",
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
        "action": "none",
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
    assert [" ".join(line) for line in words(done.stdout)[1:]] == [
        "seed_tasks waiting fails: its input benchmark_items has not been built",
        "1 asset: 1 waiting; no model call to compute",
    ]


def test_a_build_with_nothing_stale_says_so_and_shows_the_leaderboard(own: tuple[Path, Path]) -> None:
    recipe, data = own
    done = slingshot("build", recipe=recipe, data=data)
    assert (done.exit_code, done.stderr) == (0, "")
    lines = [" ".join(line) for line in words(done.stdout)]
    assert lines[:2] == [
        "nothing is stale",
        "benchmark metric arm mean interval difference interval verdict items seeds",
    ]
    assert lines[12] == "benchmark arm answer length (words) cut off (%)"
    assert [line.split()[1] for line in lines[13:18]] == ["base", *sorted(load_recipe(recipe).arms)]
    assert len(lines) == 2 + 10 + 6 + 2
    assert lines[-2] == "Verdicts and intervals of differences are adjusted over 4 arms, and not over metrics."
    assert lines[-1].startswith("Trained once: filtered_extract_then_generate, instruction_generation, ")
