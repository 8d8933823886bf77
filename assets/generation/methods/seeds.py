"""The seed tasks themselves as pairs: the arm "seeds only", a control of the study (arXiv 2308.12711, section 4).

Worked example: the seed ("How do I make Pesto?", "Crush the basil …") gives just this pair.
"""

from __future__ import annotations

import polars as pl

from assets.generation.method import Job, Method
from assets.recipe.parts import Part
from assets.recipe.values import Count
from assets.steps.step import made
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Pair


class Seeds(Part):
    """How many of the seed tasks, from the first on."""

    count: Count


def make(job: Job[Seeds], seed_tasks: pl.DataFrame) -> Result:
    """The asset's rows."""
    taken = seed_tasks.head(job.settings.count)
    gate = Gate(Pair, len(taken))
    for row in taken.iter_rows(named=True):
        pair = {"method": METHOD.name, "level": "", **{name: row[name] for name in TEXTS}}
        gate.keep(pair, [(row["id"], "seed_task")])
    return gate.result()


TEXTS = ("instruction", "input", "response")

METHOD = Method(
    name="seeds",
    description="The seed tasks themselves, as a human wrote them.",
    settings=Seeds,
    make=make,
    inputs=("seed_tasks",),
    asks=False,
    columns=made("seed_tasks", method=(), level=(), **{name: [("seed_tasks", name)] for name in TEXTS}),
)
