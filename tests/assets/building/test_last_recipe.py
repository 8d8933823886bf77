"""A recipe that cannot be used must not empty the UI: the last good graph stays, the problem is a node in it, and no
run builds from a recipe that its owner has already changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

import definitions
from assets.building.define import PROBLEM
from assets.building.last_recipe import last_recipe, remember_recipe
from assets.building.run import build_assets
from assets.loading.file import RecipeError, load_recipe
from assets.planning.graph import steps
from resources.tools.locations import RECIPE, WAREHOUSE
from tests.support.building import edit
from tests.support.tiny import ROOT


def test_a_remembered_recipe_is_read_back_whole(tmp_path: Path) -> None:
    (tmp_path / "dagster").mkdir()
    for file in (ROOT / "recipe.yaml", *sorted((ROOT / "recipes").rglob("*.yaml"))):
        recipe = load_recipe(file)
        remember_recipe(recipe, tmp_path)
        found = last_recipe(tmp_path)
        assert found is not None
        # Versions follow from this code and these values.
        assert [one.recipe_and_code for one in steps(found)] == [one.recipe_and_code for one in steps(recipe)]


def test_the_last_good_graph_stays_and_shows_the_problem(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    monkeypatch.setenv(RECIPE, str(tiny))
    monkeypatch.setenv(WAREHOUSE, str(data))

    def closed(values: dict[str, Any]) -> None:
        values["sources"]["rows"]["licence"] = "proprietary"

    edit(tiny, closed)
    with pytest.raises(RecipeError):
        definitions.defs()
    edit(tiny, lambda values: values["sources"]["rows"].update(licence="CC0-1.0"))
    (data / "dagster").mkdir(parents=True)
    good = keys(definitions.defs())
    edit(tiny, closed)
    shown = definitions.defs()
    assert keys(shown) == good | {PROBLEM}
    graph = shown.resolve_asset_graph()
    described = graph.get(dg.AssetKey(PROBLEM)).description or ""
    assert "sources.rows.licence" in described
    assert "proprietary" in described
    (failure,) = build_assets(shown, dg.DagsterInstance.ephemeral(), ["seed_tasks"])
    assert failure.message.startswith("nothing is built until the recipe is mended: ")
    assert "sources.rows.licence" in failure.message


def keys(found: dg.Definitions) -> set[str]:
    return {key.to_user_string() for key in found.resolve_asset_graph().get_all_asset_keys()}
