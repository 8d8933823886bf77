"""The backward model p(instruction | response): LoRA on flipped seed pairs (arXiv 2308.12711; 2308.06259).

Worked example: the seed ("How do I make Pesto?", "Crush the basil …") becomes the prompt "Crush the basil … Which
instruction does this text answer?" with the completion "How do I make Pesto?".
"""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from assets.prompting.prompts import instruction_for
from assets.recipe.parts import LoraPart
from assets.recipe.types import Recipe
from assets.steps import names
from assets.steps.step import Step
from assets.training.checkpoint import checkpoints, columns, training_of
from assets.training.truncation import CUT, cut_notes
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
        reject = settings.truncation == "reject"
        sizes = (tools.example_sizes if reject else tools.shown_sizes)(model, examples)
        notes = cut_notes(sizes, settings.max_tokens, "generation.backward_model")
        if reject and notes[CUT]:
            raise UserError(
                f"{notes[CUT]} of {len(sizes)} training examples of the backward model have more tokens than "
                f"generation.backward_model.max_tokens ({settings.max_tokens}; the longest has {max(sizes)}); "
                "raise it, lower the words of seed_tasks, or set truncation: keep"
            )
        made = checkpoints(names.BACKWARD_MODEL, model, examples, rows, tools, [training_of(settings, seed)])
        return replace(made, notes=notes)

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
