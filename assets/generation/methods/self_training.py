"""Self-training: the model answers instructions that humans wrote (arXiv 2308.12711, section 2).

Worked example: the seed ("How do I make Pesto?", "Crush the basil …") gives the pair
("How do I make Pesto?", what the model writes); the human response is not used. Ours: the prompt, which is the
instruction alone; the sampling; and that an answer that was cut off ends at its last whole sentence.
"""

from __future__ import annotations

import polars as pl

from assets.generation.candidates import Candidate, choose, equal_at_zero, grouped, seeds
from assets.generation.method import Job, Method
from assets.prompting.answers import lacks_answer, response_of
from assets.prompting.pairs import pair, pair_columns
from assets.prompting.prompts import answer
from assets.recipe.parts import CandidatesPart, SamplingPart
from assets.recipe.types import Recipe
from assets.recipe.values import Count
from assets.steps.names import SEED_TASKS
from assets.steps.step import Most
from resources.models.calls import Sampling, WriterAndReader
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Pair

NAME = "self_training"


class SelfTraining(CandidatesPart):
    """The number of seed tasks that the model answers, how it decodes, and how many answers it writes to each."""

    count: Count
    response: SamplingPart


def generate(tasks: pl.DataFrame, settings: SelfTraining, model: WriterAndReader, seed: int) -> Result:
    """One pair for each of the first `count` seed tasks (columns id, instruction, input)."""
    asked = tasks.head(settings.count).to_dicts()
    gate = Gate(Pair, len(asked) * settings.candidates)
    prompts = [
        answer(row["instruction"], row["input"], one)
        for row in asked
        for one in seeds(settings.candidates, seed, NAME, row["instruction"], row["input"])
    ]
    completions = model.complete(prompts, Sampling(**settings.response.model_dump()))
    groups: list[list[Candidate]] = []
    for task, own in grouped(asked, completions, settings.candidates):
        groups.append([])
        for completion in own:
            row = pair(NAME, task["instruction"], task["input"], response_of(completion))
            parents = ((task["id"], "instruction"), (completion.call, "call"))
            if not lacks_answer(gate, row, completion, parents):
                groups[-1].append(Candidate(row, parents))
    choose(gate, groups, settings, model)
    return gate.result()


def make(job: Job[SelfTraining], seed_tasks: pl.DataFrame) -> Result:
    """Build the asset's rows."""
    return generate(seed_tasks, job.settings, job.writer, job.seed)


def most(settings: SelfTraining, recipe: Recipe) -> Most | None:
    """One pair per task, where several candidates cost calls that depend on what they are; else it is counted."""
    return Most(rows=settings.count, calls=settings.calls(settings.count)) if settings.candidates > 1 else None


METHOD = Method(
    name=NAME,
    description="Answers that the model itself gives to human instructions.",
    settings=SelfTraining,
    make=make,
    inputs=(SEED_TASKS,),
    counted_input=SEED_TASKS,
    most=most,
    faults=lambda settings: equal_at_zero(settings, settings.response, f"generation.{NAME}.response"),
    columns=pair_columns(
        SEED_TASKS,
        instruction=[(SEED_TASKS, "instruction")],
        input_=[(SEED_TASKS, "input")],
        response=[(SEED_TASKS, "instruction"), (SEED_TASKS, "input")],
    ),
)
