"""The backward model p(instruction | response): LoRA on flipped seed pairs (arXiv 2308.12711; 2308.06259).

Worked example: the seed ("How do I make Pesto?", "Crush the basil …") becomes the prompt "Crush the basil … Which
instruction does this text answer?" with the completion "How do I make Pesto?".
"""

from __future__ import annotations

import polars as pl

from assets.prompting.prompts import instruction_for
from assets.recipe.parts import LoraPart
from assets.recipe.types import Recipe
from assets.steps import names
from assets.steps.step import Step
from assets.training.checkpoint import checkpoints, columns, training_of
from resources.models.calls import Prompt
from resources.tools.tools import Tools
from warehouse.core.errors import UserError
from warehouse.results.result import Result
from warehouse.schema.records import Checkpoint


def flipped(seeds: pl.DataFrame) -> list[tuple[Prompt, str]]:
    """(prompt with the response, instruction) of every seed task without an input."""
    return [
        (instruction_for(row["response"]), row["instruction"])
        for row in seeds.iter_rows(named=True)
        if not row["input"]
    ]


def step(recipe: Recipe, settings: LoraPart) -> Step:
    """The asset `backward_model`."""
    model, seed = recipe.generation.model, recipe.seed

    def build(tools: Tools, seed_tasks: pl.DataFrame) -> Result:
        examples = flipped(seed_tasks)
        if not examples:
            raise UserError(
                f"the backward model has no training examples: all {len(seed_tasks)} seed tasks have an input; add a "
                "selection to seed_tasks whose fields have no input"
            )
        rows = [row["id"] for row in seed_tasks.iter_rows(named=True) if not row["input"]]
        return checkpoints(names.BACKWARD_MODEL, model, examples, rows, tools, [training_of(settings, seed)])

    return Step(
        asset=names.BACKWARD_MODEL,
        group="generation",
        description="LoRA adapter that writes the instruction for a response, trained on flipped seed tasks.",
        model=Checkpoint,
        build=build,
        slice=recipe.slice("seed", "generation.model", f"models.{model}", "generation.backward_model"),
        inputs={"seed_tasks": names.SEED_TASKS},
        kinds=frozenset({"huggingface", "duckdb"}),
        plot="loss",
        columns=columns("seed_tasks", examples="input"),
    )
