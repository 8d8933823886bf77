"""A response that is cut in training teaches half an answer. How many are cut must be shown, by the build and in the
warehouse, and a recipe can refuse it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rich.console import Console

from assets.building.display import TerminalDisplay
from assets.building.facts import facts_of
from assets.loading.bench import workbench
from assets.loading.file import load_recipe
from assets.planning.graph import steps
from assets.steps.step import Step
from assets.training.truncation import cut_notes
from resources.tools.forecast import ForecastTools
from resources.tools.tools import Tools
from tests.support.building import edit
from warehouse.core.errors import UserError
from warehouse.core.identity import digest
from warehouse.results.result import Result
from warehouse.schema.records import Pair, SeedTask, empty
from warehouse.store.published import Effort


def rows(model: Any, responses: list[str]) -> pl.DataFrame:
    content = {"method": "m", "level": "", "source": "", "instruction": "what is the river", "input": ""}
    schema = empty(model).schema
    made = [content | {"id": digest(text), "response": text} for text in responses]
    return pl.DataFrame([{name: one.get(name) for name in schema} for one in made], schema=schema)


def run(recipe: Path, asset: str, tools: type[Tools], **frames: pl.DataFrame) -> Result:
    loaded = load_recipe(recipe)
    bench = workbench(loaded, recipe.parent / "data", recipe.parent)
    return step_of(recipe, asset).build(tools(bench), **frames)


def step_of(recipe: Path, asset: str) -> Step:
    (step,) = (one for one in steps(load_recipe(recipe)) if one.asset == asset)
    return step


RESPONSES = ["the river is old .", "the river " * 30 + ".", "the stone " * 20 + "."]


def test_cut_examples_are_counted_and_printed(tiny: Path) -> None:
    edit(tiny, lambda values: values["training"].update(max_tokens=32, epochs=1))
    frame = rows(Pair, RESPONSES)
    result = run(tiny, "students/self_training", Tools, training_set=frame)
    # "user : what is the river \n assistant : ", the words of the response, and a line break
    warning = (
        "2 of 3 training examples are cut at training.max_tokens (32; the longest has 71), and no end of turn is "
        "learned from them; training.truncation: reject leaves them out"
    )
    assert result.notes == {"examples cut at max_tokens": 2, "warnings": [warning]}
    assert len(result.kept) == 1
    printed = io.StringIO()
    display = TerminalDisplay(Console(file=printed, width=300))
    display.finished(
        "students/self_training",
        "built",
        facts_of(result, step_of(tiny, "students/self_training")),
        Effort(1, 0, 9, 0.1, 0.1),
    )
    assert printed.getvalue().splitlines()[1] == f"     note  students/self_training: {warning}"
    assert run(tiny, "students/self_training", ForecastTools, training_set=frame).notes == {
        "examples cut at max_tokens": 0
    }


def test_the_backward_model_is_not_trained_on_cut_examples_if_the_recipe_refuses_them(tiny: Path) -> None:
    def refuse(values: dict[str, Any]) -> None:
        values["generation"]["backward_model"] |= {"max_tokens": 40, "truncation": "reject"}

    edit(tiny, refuse)
    with pytest.raises(UserError) as refused:
        run(tiny, "backward_model", Tools, seed_tasks=rows(SeedTask, RESPONSES[:2]))
    assert str(refused.value).startswith(
        "1 of 2 training examples of the backward model have more tokens than generation.backward_model.max_tokens "
        "(40; the longest has "
    )


def test_examples_that_fit_are_counted_as_none() -> None:
    assert cut_notes([3, 4], 4, "training") == {"examples cut at max_tokens": 0}
    assert cut_notes([], 4, "training") == {"examples cut at max_tokens": 0}
