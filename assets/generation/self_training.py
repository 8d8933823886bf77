"""Self-training: the model answers instructions that humans wrote (arXiv 2308.12711, section 2).

Worked example: the seed ("How do I make Pesto?", "Crush the basil …") gives the pair
("How do I make Pesto?", what the model writes); the human response is not used.
"""

from __future__ import annotations

import polars as pl

from assets.generation.answers import decide_answer
from assets.generation.prompts import answer
from assets.recipe import Recipe, SelfTraining
from assets.step import Step, made
from resources.calls import Sampling, Writer
from resources.tools import Tools
from warehouse.identity import row_seed
from warehouse.records import Pair
from warehouse.result import Gate, Result

METHOD = "self_training"


def generate(seeds: pl.DataFrame, settings: SelfTraining, writer: Writer, seed: int) -> Result:
    """One pair per seed task (columns id, instruction, input), for the first `count` of them."""
    asked = seeds.head(settings.count).to_dicts()
    gate = Gate(Pair, len(asked))
    prompts = [
        answer(row["instruction"], row["input"], row_seed(seed, METHOD, row["instruction"], row["input"]))
        for row in asked
    ]
    completions = writer.complete(prompts, Sampling(**settings.response.model_dump()))
    for task, completion in zip(asked, completions, strict=True):
        pair = {"method": METHOD, "level": "", "instruction": task["instruction"], "input": task["input"]}
        decide_answer(gate, pair, completion, [(task["id"], "instruction")])
    return gate.result()


def step(recipe: Recipe, settings: SelfTraining) -> Step:
    """The asset `raw_self_training`."""
    model, seed = recipe.generation.model, recipe.seed

    def build(tools: Tools, seed_tasks: pl.DataFrame) -> Result:
        return generate(seed_tasks, settings, tools.model(model), seed)

    return Step(
        asset="raw_self_training",
        group="generation",
        description="Answers that the model itself gives to human instructions.",
        model=Pair,
        build=build,
        slice=recipe.slice("seed", "generation.model", f"models.{model}", "generation.self_training"),
        inputs={"seed_tasks": "seed_tasks"},
        kinds=frozenset({"transformers", "duckdb"}),
        columns=made(
            "seed_tasks",
            method=(),
            level=(),
            instruction=[("seed_tasks", "instruction")],
            input=[("seed_tasks", "input")],
            response=[("seed_tasks", "instruction"), ("seed_tasks", "input")],
        ),
    )
