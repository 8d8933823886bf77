"""The backward model p(instruction | response): LoRA on flipped seed pairs (arXiv 2308.12711; 2308.06259).

Worked example: the seed ("How do I make Pesto?", "Crush the basil …") is learned as
prompt "Crush the basil … Which instruction does this text answer?", completion "How do I make Pesto?".
"""

from __future__ import annotations

import polars as pl

from assets.prompting.prompts import instruction_for
from assets.recipe.parts import LoraPart
from assets.recipe.types import Recipe
from assets.steps.step import Step
from assets.training.checkpoint import checkpoints, columns, training_of
from resources.models.calls import Prompt
from resources.tools.tools import Tools
from warehouse.core.errors import Mendable
from warehouse.results.result import Result
from warehouse.schema.records import Checkpoint


def flipped(seeds: pl.DataFrame) -> list[tuple[Prompt, str]]:
    """(prompt with the response, instruction) of every seed task that needs no input."""
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
            raise Mendable(
                f"the backward model has nothing to learn from: of {len(seed_tasks)} seed tasks none is without an "
                "input; right would be a selection of seed_tasks whose fields have no input"
            )
        rows = [row["id"] for row in seed_tasks.iter_rows(named=True) if not row["input"]]
        return checkpoints("backward_model", model, examples, rows, tools, [training_of(settings, seed)])

    return Step(
        asset="backward_model",
        group="generation",
        description="LoRA adapter that writes the instruction for a response, trained on flipped seed tasks.",
        model=Checkpoint,
        build=build,
        slice=recipe.slice("seed", "generation.model", f"models.{model}", "generation.backward_model"),
        inputs={"seed_tasks": "seed_tasks"},
        kinds=frozenset({"huggingface", "duckdb"}),
        plot="loss",
        columns=columns("seed_tasks", examples="input"),
    )
