"""People look at a materialization months later and ask which recipe made it. The UI must show the whole recipe of that
build, in readable form, but a long recipe must not inflate Dagster's history."""

from __future__ import annotations

import json

import yaml

from assets.building.recipe_shown import MOST_CHARACTERS, recipe_metadata, recipe_text
from assets.loading.file import load_recipe
from assets.planning.graph import steps
from tests.support.tiny import ROOT
from warehouse.core.identity import canonical
from warehouse.store.published import Run


def test_the_text_is_the_whole_recipe_as_yaml() -> None:
    recipe = load_recipe(ROOT / "recipe.yaml").model_dump(mode="json", exclude_none=True)
    text = recipe_text(canonical(recipe))
    assert text.startswith("```yaml\n")
    assert text.endswith("\n```")
    assert yaml.safe_load(text.removeprefix("```yaml\n").removesuffix("```")) == recipe


def test_the_digest_is_that_of_the_recipe_in_the_warehouse() -> None:
    recipe = canonical({"seed": 7})
    shown = recipe_metadata(recipe, {"seed": 7})
    assert shown["recipe"].md_str == "```yaml\nseed: 7\n```"
    assert shown["recipe digest"] == Run("run", recipe).recipe_digest
    assert shown["recipe slice"].data == {"seed": 7}


def test_a_long_recipe_is_replaced_by_where_to_find_it() -> None:
    recipe = canonical({"seed": "7" * MOST_CHARACTERS})
    assert recipe_text(recipe) == (
        f"The recipe has {MOST_CHARACTERS + 9} characters, more than the {MOST_CHARACTERS} that are shown here. "
        f"Read it by `SELECT recipe FROM lineage.recipes WHERE digest = '{Run('run', recipe).recipe_digest}'`"
    )


def test_backticks_in_a_recipe_do_not_end_the_block() -> None:
    text = recipe_text(canonical({"response": "````python"}))
    assert text == "`````yaml\nresponse: '````python'\n`````"


def test_the_starter_adds_little_to_the_history() -> None:
    loaded = load_recipe(ROOT / "recipe.yaml")
    recipe = canonical(loaded.model_dump(mode="json", exclude_none=True))
    sizes = [len(recipe_text(recipe)) + len(json.dumps(dict(step.slice))) for step in steps(loaded)]
    assert max(sizes) < 8_000
