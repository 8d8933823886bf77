"""The seed tasks themselves as pairs: the arm "seeds only", a control of the study (arXiv 2308.12711, section 4).

Worked example: the seed ("How do I make Pesto?", "Crush the basil …") gives exactly this pair.
"""

from __future__ import annotations

import polars as pl

from assets.generation.method import Job, Method
from assets.prompting.pairs import pair, pair_columns
from assets.recipe.parts import Part
from assets.recipe.values import Count
from assets.steps.names import SEED_TASKS
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Pair


class Seeds(Part):
    """The number of seed tasks to take, starting with the first."""

    count: Count


def make(job: Job[Seeds], seed_tasks: pl.DataFrame) -> Result:
    """Build the asset's rows."""
    taken = seed_tasks.head(job.settings.count)
    gate = Gate(Pair, len(taken))
    for task in taken.iter_rows(named=True):
        row = pair(METHOD.name, task["instruction"], task["input"], task["response"])
        gate.keep(row, [(task["id"], "seed_task")])
    return gate.result()


METHOD = Method(
    name="seeds",
    description="The seed tasks themselves, as a human wrote them.",
    settings=Seeds,
    make=make,
    inputs=(SEED_TASKS,),
    counted_input=SEED_TASKS,
    calls_model=False,
    columns=pair_columns(
        SEED_TASKS,
        instruction=[(SEED_TASKS, "instruction")],
        input_=[(SEED_TASKS, "input")],
        response=[(SEED_TASKS, "response")],
    ),
)
