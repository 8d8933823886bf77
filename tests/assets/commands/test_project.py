"""Tests the Python API, which engineers use in notebooks: it returns what the commands show, raises clear errors, and
leaves the process as it was."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import slingshot
from assets.building.materialize import NotBuilt
from assets.loading.file import RecipeError
from tests.support.building import edit, query
from tests.support.tiny import ROOT
from warehouse.core.errors import UserError

ARM = "self_training"


@pytest.fixture
def project(built: tuple[Path, Path]) -> slingshot.Project:
    """A project that is fully built; tests that use it only read."""
    return slingshot.open(built[0], warehouse=built[1])


def test_the_plan_of_a_built_project_is_all_fresh(project: slingshot.Project) -> None:
    plan = project.plan()
    assert [one.asset for one in plan] == [step.asset for step in project.steps]
    assert {one.state for one in plan} == {"fresh"}
    assert [one.asset for one in project.plan("seed_tasks")] == ["seed_tasks"]


def test_rows_are_the_kept_rows_of_the_current_version_in_order(project: slingshot.Project) -> None:
    rows = project.rows(f"training_sets/{ARM}")
    assert rows.equals(query(project.warehouse, f"FROM training_sets__{ARM}").drop("position"))
    assert len(rows) == 2


def test_the_leaderboard_has_the_rows_of_its_asset(project: slingshot.Project) -> None:
    standings = project.leaderboard()
    assert len(standings) == 10
    assert standings.equals(project.rows("leaderboard"))


def test_status_has_one_entry_per_asset_of_the_recipe(project: slingshot.Project) -> None:
    found = project.status()
    assert [one.asset for one in found] == [step.asset for step in project.steps]
    assert next(one for one in found if one.asset == f"training_sets/{ARM}").rows["kept"] == 2


def test_why_and_why_not_answer_for_a_row(project: slingshot.Project) -> None:
    kept = project.rows(f"training_sets/{ARM}")["id"][0]
    assert project.why(kept[:10]).row.id == kept
    rejected = f"SELECT record FROM lineage.outcomes WHERE asset = 'training_sets/{ARM}' AND outcome = 'rejected'"
    (answer,) = project.why_not(project.sql(rejected)["record"][0]).answers
    assert [one.outcome for one in answer.dropped] == ["rejected"]


def test_sql_returns_what_a_query_finds(project: slingshot.Project) -> None:
    found = project.sql("SELECT rows FROM lineage.tallies WHERE asset = 'seed_tasks'")
    assert sum(found["rows"]) == 120
    assert project.sql("SHOW TABLES").columns == ["name"]


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("DELETE FROM lineage.current", "DELETE"),
        ("INSERT INTO lineage.current VALUES ('a', 'b')", "INSERT"),
        ("COPY lineage.current TO 'out.csv'", "COPY"),
        ("SELECT 1; DROP TABLE lineage.current", "SELECT, DROP"),
        ("", "nothing"),
    ],
)
@pytest.mark.parametrize("exists", [True, False])
def test_sql_that_does_more_than_read_is_refused(
    project: slingshot.Project, tmp_path: Path, statement: str, found: str, exists: bool
) -> None:
    asked = project if exists else slingshot.open(project.recipe_file, tmp_path / "none")
    message = f"only a query that reads can run here: expected one SELECT, found {found}"
    with pytest.raises(slingshot.BadQuery, match=f"^{re.escape(message)}$"):
        asked.sql(statement)
    assert not (tmp_path / "none").exists()


def test_sql_that_is_not_valid_is_a_clear_error(project: slingshot.Project) -> None:
    with pytest.raises(slingshot.BadQuery, match=r"^the query cannot be run: Parser Error: "):
        project.sql("SELEC 1")
    with pytest.raises(slingshot.BadQuery, match=r"^the query cannot be run: Catalog Error: "):
        project.sql("FROM no_such_table")


def test_the_error_for_an_unknown_asset_suggests_the_nearest_name(project: slingshot.Project) -> None:
    with pytest.raises(slingshot.NoSuchAsset) as caught:
        project.rows("training_sets/self_instuct")
    assert str(caught.value).startswith(
        "no asset is named 'training_sets/self_instuct'; did you mean 'training_sets/self_instruct'? (known: "
    )
    assert isinstance(caught.value, UserError)


def test_the_error_for_an_asset_that_is_not_built_says_how_to_build_it(tiny: Path, tmp_path: Path) -> None:
    project = slingshot.open(tiny, warehouse=tmp_path / "data")
    with pytest.raises(NotBuilt) as caught:
        project.leaderboard()
    assert str(caught.value) == "leaderboard has not been built yet; build it first: slingshot build '+leaderboard'"
    assert project.sql("FROM lineage.current").is_empty()
    assert not (tmp_path / "data").exists()


def test_a_wrong_recipe_is_an_error_when_it_is_opened(tiny: Path) -> None:
    edit(tiny, lambda recipe: recipe["curation"].update(rwos=3))
    with pytest.raises(RecipeError, match=r"curation\.rwos: found 3; there is no such key"):
        slingshot.open(tiny)


def test_export_writes_files_and_returns_their_paths(own: tuple[Path, Path], tmp_path: Path) -> None:
    project = slingshot.open(*own)
    paths = project.export(ARM, tmp_path / "out")
    assert paths[-1] == tmp_path / "out" / "README.md"
    rows = project.rows(f"training_sets/{ARM}")
    assert paths[0] == tmp_path / "out" / "data" / ARM / "train.parquet"
    assert pl.read_parquet(paths[0], columns=rows.columns).equals(rows)
    with pytest.raises(UserError, match=r"the recipe has no arm 'self_trainng'; did you mean 'self_training'\?"):
        project.export("self_trainng", tmp_path / "out")


def test_a_build_after_an_edit_returns_what_it_did_and_leaves_the_environment_unchanged(own: tuple[Path, Path]) -> None:
    recipe, data = own
    edit(recipe, lambda values: values["curation"].update(rows=3))
    before = dict(os.environ)
    project = slingshot.open(str(recipe), warehouse=str(data))
    asset = f"training_sets/{ARM}"
    assert [(one.asset, one.state) for one in project.plan(f"+{asset}") if one.state != "fresh"] == [(asset, "stale")]
    done = project.build(f"+{asset}")
    assert (done.built, done.restored) == ((asset,), ())
    assert done.unchanged == (
        "benchmark_items",
        "seed_tasks",
        f"raw_{ARM}",
        f"enhanced_instructions/{ARM}",
        f"diverse_instructions/{ARM}",
    )
    assert len(project.rows(asset)) == 3
    assert project.build(asset) == slingshot.Built((), (), (asset,))
    edit(recipe, lambda values: values["curation"].update(rows=2))
    assert slingshot.open(recipe, data).build(asset) == slingshot.Built((), (asset,), ())
    assert dict(os.environ) == before


def test_the_error_of_a_failed_build_names_each_asset_and_why(tiny: Path, tmp_path: Path) -> None:
    edit(tiny, lambda recipe: recipe["sources"]["rows"].update(sha256="0" * 64))
    project = slingshot.open(tiny, warehouse=tmp_path / "data")
    with pytest.raises(slingshot.BuildFailed) as caught:
        project.build("benchmark_items")
    (failure,) = caught.value.failures
    assert (failure.asset, failure.trace) == ("benchmark_items", "")
    assert "0" * 64 in failure.message
    assert str(caught.value) == f"1 asset failed\n  benchmark_items: {failure.message}"


@pytest.mark.parametrize("use", ["", "; slingshot.open().plan"])
def test_the_import_loads_no_heavy_library(use: str) -> None:
    heavy = ("torch", "transformers", "dagster") if use else ("torch", "transformers", "dagster", "polars", "duckdb")
    code = f"import sys, slingshot{use}\nprint([name for name in {heavy} if name in sys.modules])"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_build_with_nothing_to_do_loads_neither_dagster_nor_a_model_library(built: tuple[Path, Path]) -> None:
    recipe, data = built
    code = (
        f"import sys, slingshot\ndone = slingshot.open({str(recipe)!r}, {str(data)!r}).build()\n"
        "heavy = {'dagster', 'torch', 'transformers'} & {*sys.modules}\n"
        "print(len(done.built), len(done.unchanged) > 20, heavy or None)"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "0 True None\n"
