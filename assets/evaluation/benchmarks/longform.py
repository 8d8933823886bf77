"""Long-form generation: answers to held-out instructions, compared with human text.

This follows the LongForm evaluation in arXiv 2308.12711. Each arm's student writes one response per item, with greedy
decoding in the starter recipe. METEOR and ROUGE-L (see metrics.py) compare it with the human reference.

Worked example: a student answers the item ("How do I make Pesto?", "Crush the basil …"). The ROUGE-L score is the
F-measure over the longest sequence of words that both texts contain in the same order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import polars as pl
from pydantic import Field

from assets.evaluation.answering import predictions_step, score, scores_step
from assets.evaluation.benchmark import Benchmark, Metric
from assets.evaluation.benchmarks.metrics import METRICS
from assets.evaluation.parts import DETAILS, SOURCE
from assets.recipe.parts import Part, SamplingPart
from assets.recipe.types import Recipe
from assets.steps.step import Step
from resources.tools.tools import Tools
from warehouse.results.result import Result

NAME = "longform"


class LongForm(Part):
    """The sampling settings of the answers, and what tells the parts of the benchmark apart (see parts.py)."""

    answer: SamplingPart
    # A slice leaves it out at its default, so that the key alone makes nothing stale.
    parts: Annotated[Literal["source", "details"], Field(exclude_if=lambda value: value == SOURCE)] = "source"


def compare(text: str, item: Mapping[str, Any]) -> dict[str, float]:
    """Each metric of a prediction against the reference of its item."""
    return {name: metric(text, item["reference"]) for name, metric in METRICS.items()}


def build_scores(tools: Tools, predictions: pl.DataFrame, benchmark_items: pl.DataFrame) -> Result:
    """The rows of `scores/longform/<arm>`."""
    return score(predictions, benchmark_items, list(METRICS), compare)


def steps(settings: LongForm, recipe: Recipe, arm: str) -> list[Step]:
    """The steps of an arm: predictions and scores."""
    return [
        predictions_step(recipe, NAME, arm, settings.answer),
        scores_step(NAME, arm, list(METRICS), build_scores, "METEOR and ROUGE-L against human text", ["reference"]),
    ]


def faults(settings: LongForm, recipe: Recipe) -> Iterator[tuple[str, object, str]]:
    """Check that every item has details, where these tell the parts apart."""
    for index, selection in enumerate(recipe.benchmark_items):
        if settings.parts == DETAILS and selection.benchmark == NAME and DETAILS not in selection.fields:
            yield "parts", settings.parts, f"benchmark_items.{index}.fields needs a template for {DETAILS}"


BENCHMARK = Benchmark(
    name=NAME,
    description="Long answers, compared with human text by METEOR and ROUGE-L.",
    has_answers=True,
    settings=LongForm,
    metrics=lambda settings: (
        Metric("meteor_exact_stem", "METEOR with exact and stem matches"),
        Metric("rouge_l", "F-measure of ROUGE-L with stemming"),
    ),
    steps=steps,
    fields=("reference",),
    faults=faults,
)
