"""A sample shows in a short time whether a recipe does what it should: it must have the same assets on a few rows, be a
recipe without problems, and leave the versions of the full build alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import slingshot
from assets.loading.file import load_recipe
from assets.loading.rules import problems
from assets.loading.sample import sampled
from assets.planning.graph import steps
from tests.support.building import edit, query
from tests.support.tiny import ROOT

RECIPES = [ROOT / "recipe.yaml", *sorted((ROOT / "recipes").rglob("*.yaml"))]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.name)
@pytest.mark.parametrize("rows", [2, 8, 1_000_000])
def test_a_sample_of_every_shipped_recipe_is_one_without_problems_and_with_the_same_assets(
    path: Path, rows: int
) -> None:
    recipe = load_recipe(path)
    small = sampled(recipe, rows)
    assert [str(problem) for problem in problems(small)] == []
    assert [step.asset for step in steps(small)] == [step.asset for step in steps(recipe)]


def test_selections_methods_and_training_sets_are_cut_and_nothing_grows() -> None:
    recipe = load_recipe(ROOT / "recipe.yaml")
    small = sampled(recipe, 8)
    counts = [[one.count for one in small.part(role)] for role in ("seed_tasks", "documents", "benchmark_items")]
    assert counts == [[8, 8], [8], [4, 4]]
    self_instruct = small.generation.settings("self_instruct")
    assert (self_instruct.calls, self_instruct.most, small.generation.settings("self_training").count) == (8, 8, 8)
    assert (small.curation.rows, small.training.epochs, small.part("generation.backward_model.epochs")) == (2, 1, 1)
    assert small.generation.settings("instruction_generation").candidates == 2
    assert small.evaluation.settings("longform").answer.max_new_tokens == 24
    assert {name: model.engine for name, model in small.models.items()} == dict.fromkeys(recipe.models, "transformers")
    large = sampled(recipe, 1_000_000)
    assert (large.documents, large.curation, large.generation.settings("self_instruct")) == (
        recipe.documents,
        recipe.curation,
        recipe.generation.settings("self_instruct"),
    )


def test_a_size_in_tokens_becomes_one_in_rows_and_draws_end_after_the_first(tiny: Path) -> None:
    def change(values: dict[str, Any]) -> None:
        values["curation"] = {**values["curation"], "rows": None, "response_tokens": 4000}
        values["arms"]["self_training"]["rows"] = 3
        values["generation"]["self_training"] |= {"count": 6, "until": "accepted", "at_most": 12}

    edit(tiny, change)
    small = sampled(load_recipe(tiny), 4)
    assert (small.curation.rows, small.curation.response_tokens, small.arms["self_training"].rows) == (1, None, 1)
    drawing = small.generation.settings("self_training")
    assert (drawing.until, drawing.count, drawing.at_most) == ("accepted", 4, 4)


def test_a_sample_is_built_in_a_warehouse_of_its_own(tiny: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    words = ["build", "+training_sets/self_training", "--sample", "8", "--recipe", str(tiny), "--warehouse", str(data)]
    done = CliRunner().invoke(slingshot.app, words)
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[0] == f"a sample of 8 rows per selection and method, in {data}/sample"
    assert [path.name for path in data.iterdir()] == ["sample"]
    kept = dict(
        query(
            data / "sample", "SELECT asset, count(*) FROM lineage.outcomes WHERE outcome = 'kept' GROUP BY 1"
        ).iter_rows()
    )
    assert (kept["seed_tasks"], kept["raw_self_training"], kept["training_sets/self_training"]) == (8, 8, 2)
    sample = slingshot.open(tiny, data).sample(8)
    assert (sample.warehouse, len(sample.rows("training_sets/self_training"))) == (data / "sample", 2)
    assert sample.bench.cache.older == (data / "sample" / "cache", data / "cache")
