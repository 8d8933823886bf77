"""Held-out perplexity: how surprised a student is by the human answers to instructions that it has not seen.

Per item it is the mean token loss in nats of the reference given the instruction, in the model's chat template: the
logarithm of the perplexity, as for fixed-length texts in https://huggingface.co/docs/transformers/perplexity. The mean
over items is not weighted by their length (ours), so that the bootstrap over items holds for it; its exponential is the
geometric mean of the items' perplexities.

Worked example: losses of 2 and 3 nats on two items give 2.5 nats, which is a perplexity of 12.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from assets.evaluation import answerers as of
from assets.evaluation.answerers import Student
from assets.evaluation.benchmark import Benchmark, Metric
from assets.prompting.answers import unanswered
from assets.prompting.prompts import answer
from assets.recipe.parts import Part
from assets.recipe.types import Recipe
from assets.recipe.values import Name
from assets.steps.step import Step, made
from resources.tools.tools import Tools
from warehouse.results.result import Gate, Result
from warehouse.schema.records import LOWER, Score

NAME = "perplexity"
METRIC = "log_perplexity"


class HeldOutPerplexity(Part):
    """The benchmark whose references are read."""

    of: Name = "longform"


def measure(arm: str, items: pl.DataFrame, students: Sequence[Student]) -> Result:
    """One score per student and item (columns id, instruction, input, reference)."""
    gate = Gate(Score, len(students) * len(items))
    texts = [(answer(row["instruction"], row["input"]), row["reference"]) for row in items.iter_rows(named=True)]
    for student in students:
        for item, loss in zip(items["id"], student.model.losses(texts), strict=True):
            row = {"benchmark": NAME, "arm": arm, "seed": student.seed, "item": item, "metric": METRIC, "value": None}
            parents = [(item, "item"), (loss.call, "call"), *student.made_by]
            if not unanswered(gate, row, loss, parents):
                gate.keep(row | {"value": loss.mean}, parents)
    return gate.result()


def steps(settings: HeldOutPerplexity, recipe: Recipe, arm: str) -> list[Step]:
    """The scores of an arm."""
    base = recipe.training.base

    def build(tools: Tools, benchmark_items: pl.DataFrame, student: pl.DataFrame | None = None) -> Result:
        items = benchmark_items.filter(pl.col("benchmark") == settings.of)
        return measure(arm, items, of.students(tools, base, student))

    inputs = {"benchmark_items": "benchmark_items", **of.inputs(arm)}
    count = of.items_of(recipe, settings.of)
    read = [("benchmark_items", column) for column in ("instruction", "input", "reference")]
    return [
        Step(
            asset=f"scores/{NAME}/{arm}",
            group="evaluation",
            description=f"How surprised {of.named(arm)} is by the human answers of {settings.of}, per item.",
            model=Score,
            build=build,
            slice=recipe.slice(f"evaluation.{NAME}", "training.base", f"models.{base}"),
            inputs=inputs,
            kinds=frozenset({"transformers", "duckdb"}),
            most=of.bound(recipe, arm, count, count),
            columns=made(
                *inputs,
                benchmark=(),
                arm=(),
                seed=of.seeds(arm),
                item=[("benchmark_items", "id")],
                metric=(),
                value=[*read, *of.written(arm)],
            ),
        )
    ]


def faults(settings: HeldOutPerplexity, recipe: Recipe) -> Iterator[tuple[str, object, str]]:
    """The benchmark that is named must have references."""
    drawn = [one for one in recipe.benchmark_items if one.benchmark == settings.of]
    if not drawn or not all("reference" in one.fields for one in drawn):
        yield "of", settings.of, "it must name a benchmark whose items all have a reference, such as 'longform'"


BENCHMARK = Benchmark(
    name=NAME,
    description="The loss of human answers that were held out.",
    settings=HeldOutPerplexity,
    metrics=lambda settings: (Metric(METRIC, "mean token loss of the reference", LOWER, unit="nats", scale=1.0),),
    steps=steps,
    fields=None,
    faults=faults,
)
