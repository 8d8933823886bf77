"""Self-training: the model answers instructions that humans wrote (arXiv 2308.12711, section 2).

Worked example: the seed ("How do I make Pesto?", "Crush the basil …") gives the pair
("How do I make Pesto?", what the model writes); the human response is not used. Ours: the prompt, which is the
instruction alone; the sampling; and that an answer that was cut off ends at its last whole sentence. Also ours, for
base models: `shots` pairs of the seed tasks before the instruction (see shots.py). Their human responses are then read,
and they are parents of the pair.
"""

from __future__ import annotations

import polars as pl

from assets.generation.candidates import equal_at_zero
from assets.generation.method import Job, Method
from assets.generation.responses import Asked, respond
from assets.generation.shots import shots, turns
from assets.prompting.pairs import pair, pair_columns
from assets.recipe.filters import Heuristics
from assets.recipe.parts import CandidatesPart, SamplingPart, UntilPart
from assets.recipe.types import Recipe
from assets.recipe.values import Count
from assets.steps.names import SEED_TASKS
from assets.steps.step import Columns, Most
from resources.models.calls import WriterAndReader
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Pair

NAME = "self_training"


class SelfTraining(UntilPart, CandidatesPart):
    """The number of seed tasks that the model answers, how it decodes, and how many answers it writes to each.

    It sees `shots` other seed pairs before each instruction, none by default. With long pairs the prompt may exceed the
    model's context, and is then rejected."""

    count: Count
    shots: Count | None = None
    response: SamplingPart


def generate(
    tasks: pl.DataFrame, settings: SelfTraining, model: WriterAndReader, seed: int, rules: Heuristics | None = None
) -> Result:
    """One pair for each of the first `count` seed tasks (columns id, instruction, input, and response for shots)."""
    shown = shots(tasks.to_dicts(), settings.shots, seed) if settings.shots else {}
    asked = [
        Asked(
            pair(NAME, task["instruction"], task["input"]),
            [(task["id"], "instruction"), *((one["id"], "example") for one in shown.get(task["id"], ()))],
            (seed, NAME, task["instruction"], task["input"]),
            turns(shown.get(task["id"], ())),
        )
        for task in tasks.head(settings.count).iter_rows(named=True)
    ]
    gate = Gate(Pair, len(asked))
    respond(gate, asked, settings, settings.response, model, rules)
    return gate.result()


def make(job: Job[SelfTraining], seed_tasks: pl.DataFrame) -> Result:
    """Build the asset's rows."""
    return generate(seed_tasks, job.settings, job.writer, job.seed, job.rules)


def most(settings: SelfTraining, recipe: Recipe) -> Most | None:
    """One pair per task, where several candidates cost calls that depend on what they are; else it is counted."""
    return Most(settings.count, settings.most_calls(settings.count), by_row=True) if settings.candidates > 1 else None


def _columns(*answered_from: str) -> Columns:
    return pair_columns(
        SEED_TASKS,
        instruction=[(SEED_TASKS, "instruction")],
        input_=[(SEED_TASKS, "input")],
        response=[(SEED_TASKS, column) for column in answered_from],
    )


METHOD = Method(
    name=NAME,
    description="Answers that the model itself gives to human instructions.",
    settings=SelfTraining,
    make=make,
    inputs=(SEED_TASKS,),
    counted_input=SEED_TASKS,
    most=most,
    faults=lambda settings: equal_at_zero(settings, settings.response, f"generation.{NAME}.response"),
    columns=_columns("instruction", "input"),
    columns_with=lambda settings: _columns("instruction", "input", "response") if settings.shots else {},
)
