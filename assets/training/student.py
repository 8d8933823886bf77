"""Students: one fine-tuned checkpoint per arm, all from the same base with the same settings."""

from __future__ import annotations

import polars as pl

from assets.generation.prompts import answer
from assets.recipe import Recipe
from assets.step import Step
from assets.training.checkpoint import checkpoint, columns, training_of
from resources.tools import Tools
from warehouse.records import Checkpoint
from warehouse.result import Result


def step(recipe: Recipe, arm: str) -> Step:
    """The asset `students/<arm>`."""
    settings, seed, base = recipe.training, recipe.seed, recipe.training.base

    def build(tools: Tools, training_set: pl.DataFrame) -> Result:
        examples = [
            (answer(row["instruction"], row["input"]), row["response"]) for row in training_set.iter_rows(named=True)
        ]
        rows = training_set["id"].to_list()
        return checkpoint(arm, base, examples, rows, tools, training_of(settings, seed))

    return Step(
        asset=f"students/{arm}",
        group="training",
        description=f"LoRA adapter of the student, fine-tuned on the training set of the arm {arm!r}.",
        model=Checkpoint,
        build=build,
        slice=recipe.slice("seed", "training", f"models.{base}"),
        inputs={"training_set": f"training_sets/{arm}"},
        kinds=frozenset({"huggingface", "duckdb"}),
        plot="loss",
        columns=columns("training_set", examples="id"),
    )
