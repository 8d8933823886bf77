"""Long-form generation: answers to held-out instructions, compared with what a human wrote.

After the LongForm evaluation that arXiv 2308.12711 uses: each arm's student writes a response per item, greedily in
the starter recipe, and METEOR and ROUGE-L (see metrics.py) are taken against the human reference.

Worked example: the item ("How do I make Pesto?", "Crush the basil …") is answered by the student of an arm; its score
by ROUGE-L is the F-measure of the words that both texts have in the same order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from assets.evaluation.answering import predictions_step, score, scores_step
from assets.evaluation.benchmark import Benchmark, Metric
from assets.evaluation.benchmarks.metrics import METRICS
from assets.recipe.parts import Part, SamplingPart
from assets.recipe.types import Recipe
from assets.steps.step import Step
from resources.tools.tools import Tools
from warehouse.results.result import Result

NAME = "longform"


class LongForm(Part):
    """How a student writes its answers."""

    answer: SamplingPart


def compare(text: str, item: Mapping[str, Any]) -> dict[str, float]:
    """Each metric of a prediction against the reference of its item."""
    return {name: metric(text, item["reference"]) for name, metric in METRICS.items()}


def build_scores(tools: Tools, predictions: pl.DataFrame, benchmark_items: pl.DataFrame) -> Result:
    """The rows of `scores/longform/<arm>`."""
    return score(predictions, benchmark_items, list(METRICS), compare)


def steps(settings: LongForm, recipe: Recipe, arm: str) -> list[Step]:
    """Predictions and scores of an arm."""
    return [
        predictions_step(recipe, NAME, arm, settings.answer),
        scores_step(NAME, arm, list(METRICS), build_scores, "METEOR and ROUGE-L against human text", ["reference"]),
    ]


BENCHMARK = Benchmark(
    name=NAME,
    description="Long answers, compared with human text by METEOR and ROUGE-L.",
    settings=LongForm,
    metrics=lambda settings: (
        Metric("meteor_exact_stem", "METEOR with exact and stem matches"),
        Metric("rouge_l", "F-measure of ROUGE-L with stemming"),
    ),
    steps=steps,
    fields=("reference",),
)
