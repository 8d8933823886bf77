"""Held-out perplexity: a student's loss on human answers to instructions that it was not trained on.

The score of an item is the mean token loss, in nats, of the reference given the instruction in the model's chat
template. This is the logarithm of the perplexity, as for fixed-length texts in
https://huggingface.co/docs/transformers/perplexity. The mean over items is not weighted by length (our choice), so that
the bootstrap over items is valid. Its exponential is the geometric mean of the items' perplexities.

Worked example: losses of 2 and 3 nats on two items give 2.5 nats, which is a perplexity of 12.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from assets.evaluation import answerers
from assets.evaluation.answerers import Answerer
from assets.evaluation.benchmark import Benchmark, Metric
from assets.prompting.answers import failed
from assets.prompting.prompts import answer
from assets.recipe.parts import Part
from assets.recipe.types import Recipe
from assets.recipe.values import Name
from assets.steps import names
from assets.steps.step import Step, made
from resources.tools.tools import Tools
from warehouse.results.result import Gate, Result
from warehouse.schema.records import LOWER, Score

NAME = "perplexity"
METRIC = "log_perplexity"


class HeldOutPerplexity(Part):
    """The benchmark whose references are scored."""

    of: Name = "longform"


def measure(arm: str, items: pl.DataFrame, models: Sequence[Answerer]) -> Result:
    """Make one score per model and item (columns id, instruction, input, reference)."""
    gate = Gate(Score, len(models) * len(items))
    texts = [(answer(row["instruction"], row["input"]), row["reference"]) for row in items.iter_rows(named=True)]
    for answerer in models:
        for item, loss in zip(items["id"], answerer.model.losses(texts), strict=True):
            row = {"benchmark": NAME, "arm": arm, "seed": answerer.seed, "item": item, "metric": METRIC, "value": None}
            parents = [(item, "item"), (loss.call, "call"), *answerer.made_by]
            if not failed(gate, row, loss, parents):
                gate.keep(row | {"value": loss.mean}, parents)
    return gate.result()


def steps(settings: HeldOutPerplexity, recipe: Recipe, arm: str) -> list[Step]:
    """The step of an arm's scores."""
    base = recipe.training.base

    def build(tools: Tools, benchmark_items: pl.DataFrame, student: pl.DataFrame | None = None) -> Result:
        items = benchmark_items.filter(pl.col("benchmark") == settings.of)
        return measure(arm, items, answerers.load(tools, base, student))

    inputs = {"benchmark_items": names.BENCHMARK_ITEMS, **answerers.inputs(arm)}
    count = answerers.item_count(recipe, settings.of)
    read = [("benchmark_items", column) for column in ("instruction", "input", "reference")]
    return [
        Step(
            asset=names.scores(NAME, arm),
            group="evaluation",
            description=f"Loss of {answerers.described(arm)} on the human answers of {settings.of}, per item.",
            model=Score,
            build=build,
            slice=recipe.slice(f"evaluation.{NAME}", "training.base", f"models.{base}"),
            inputs=inputs,
            kinds=frozenset({"transformers", "duckdb"}),
            most=answerers.bound(recipe, arm, count, count),
            columns=made(
                *inputs,
                benchmark=(),
                arm=(),
                seed=answerers.seed_lineage(arm),
                item=[("benchmark_items", "id")],
                metric=(),
                value=[*read, *answerers.text_lineage(arm)],
            ),
        )
    ]


def faults(settings: HeldOutPerplexity, recipe: Recipe) -> Iterator[tuple[str, object, str]]:
    """Check that all items of the benchmark in `of` have references."""
    selections = [one for one in recipe.benchmark_items if one.benchmark == settings.of]
    if not selections or not all("reference" in one.fields for one in selections):
        yield "of", settings.of, "it must name a benchmark whose items all have a reference, such as 'longform'"


BENCHMARK = Benchmark(
    name=NAME,
    description="The loss on held-out human answers.",
    settings=HeldOutPerplexity,
    metrics=lambda settings: (Metric(METRIC, "mean token loss of the reference", LOWER, unit="nats", scale=1.0),),
    steps=steps,
    fields=None,
    faults=faults,
)
