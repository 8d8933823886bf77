"""Self-training: the model answers instructions that humans wrote (arXiv 2308.12711, section 2).

Worked example: the seed ("How do I make Pesto?", "Crush the basil …") gives the pair
("How do I make Pesto?", what the model writes); the human response is not used. Ours: the prompt, which is the
instruction alone; the sampling; and that an answer that was cut off ends at its last whole sentence.
"""

from __future__ import annotations

import polars as pl

from assets.generation.method import Job, Method
from assets.prompting.answers import decide_answer
from assets.prompting.pairs import pair, pair_columns
from assets.prompting.prompts import answer
from assets.recipe.parts import Part, SamplingPart
from assets.recipe.values import Count
from assets.steps.names import SEED_TASKS
from resources.models.calls import Sampling, Writer
from warehouse.core.identity import row_seed
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Pair

NAME = "self_training"


class SelfTraining(Part):
    """The number of seed tasks that the model answers, and how it decodes."""

    count: Count
    response: SamplingPart


def generate(seeds: pl.DataFrame, settings: SelfTraining, writer: Writer, seed: int) -> Result:
    """One pair for each of the first `count` seed tasks (columns id, instruction, input)."""
    asked = seeds.head(settings.count).to_dicts()
    gate = Gate(Pair, len(asked))
    prompts = [
        answer(row["instruction"], row["input"], row_seed(seed, NAME, row["instruction"], row["input"]))
        for row in asked
    ]
    completions = writer.complete(prompts, Sampling(**settings.response.model_dump()))
    for task, completion in zip(asked, completions, strict=True):
        row = pair(NAME, task["instruction"], task["input"])
        decide_answer(gate, row, completion, [(task["id"], "instruction")])
    return gate.result()


def make(job: Job[SelfTraining], seed_tasks: pl.DataFrame) -> Result:
    """Build the asset's rows."""
    return generate(seed_tasks, job.settings, job.writer, job.seed)


METHOD = Method(
    name=NAME,
    description="Answers that the model itself gives to human instructions.",
    settings=SelfTraining,
    make=make,
    inputs=(SEED_TASKS,),
    counted_input=SEED_TASKS,
    columns=pair_columns(
        SEED_TASKS,
        instruction=[(SEED_TASKS, "instruction")],
        input_=[(SEED_TASKS, "input")],
        response=[(SEED_TASKS, "instruction"), (SEED_TASKS, "input")],
    ),
)
