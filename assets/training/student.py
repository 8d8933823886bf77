"""Students: fine-tuned checkpoints, one per arm and training seed, all from the same base with the same settings.

The training seeds are the recipe's seed and the numbers that follow it (ours). They decide the adapter's initial
weights and the order of the rows, so the difference between them is the noise of training.
"""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from assets.prompting.prompts import answer
from assets.recipe.types import Recipe
from assets.steps import names
from assets.steps.step import Most, Step
from assets.training.checkpoint import Examples, checkpoints, columns, training_of
from assets.training.truncation import cut_notes
from assets.training.validation import held_out, joined_notes, validation_notes
from resources.tools.tools import Tools
from warehouse.results.result import Result
from warehouse.schema.records import Checkpoint


def step(recipe: Recipe, arm: str) -> Step:
    """The asset `students/<arm>`."""
    settings, seed, base = recipe.training, recipe.seed, recipe.training.base

    def build(tools: Tools, training_set: pl.DataFrame) -> Result:
        examples = [
            (answer(row["instruction"], row["input"]), row["response"]) for row in training_set.iter_rows(named=True)
        ]
        out = held_out(training_set["response"].to_list(), settings.validation, seed, "training.validation")
        trainings = [training_of(settings, seed + number) for number in range(settings.seeds)]
        split = Examples.of(examples, training_set["id"].to_list(), out)
        made, losses = checkpoints(arm, base, split, tools, trainings)
        cut = cut_notes(tools.shown_sizes(base, examples), settings.max_tokens, "training")
        return replace(made, notes=joined_notes(cut, validation_notes(losses, sum(out), "training")))

    return Step(
        asset=names.student(arm),
        group="training",
        description=f"The student, fine-tuned on the training set of the arm {arm!r}, once for each seed.",
        model=Checkpoint,
        build=build,
        slice=recipe.slice("seed", "training", f"models.{base}"),
        inputs={"training_set": names.training_set(arm)},
        kinds=frozenset({"huggingface", "duckdb"}),
        plot="loss",
        most=Most(rows=settings.seeds, calls=settings.seeds) if settings.seeds > 1 else None,
        columns=columns("training_set", examples="id"),
    )
