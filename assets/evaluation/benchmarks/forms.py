"""Forms: whether an answer has the form that its question asks for, such as a few words, a sentence or a paragraph.

All of it is ours. An item has the human text in the form that is asked for (`reference`), and texts about the same
thing in other forms (`details`, divided by blank lines). The form is right if the length of the answer, in words, is at
least as near to that of the reference as to that of any other text. Near is meant as a ratio: 10 words are as near to
5 as to 20. Each benchmark needs several forms, or an answer that always has one length scores 100 %.

Students that learn from instructions which do not name the form of their response lose this ability, so the benchmark
shows what METEOR does not: https://arxiv.org/abs/2308.12711 asks for instructions that belong to their responses.

Worked example: the reference has 4 words, the others have 18 and 50. An answer of 7 words has the right form, since 7/4
is less than 18/7; one of 9 words has not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import log
from typing import Any

import polars as pl

from assets.evaluation.answering import predictions_step, score, scores_step
from assets.evaluation.benchmark import Benchmark, Metric
from assets.recipe.parts import Part, SamplingPart
from assets.recipe.types import Recipe
from assets.steps.step import Step
from resources.tools.tools import Tools
from warehouse.core.words import words_in
from warehouse.results.result import Result

NAME = "forms"
METRIC = "right_form"

_BLANK_LINE = re.compile(r"\n\s*\n")


class Forms(Part):
    """The sampling settings of the answers."""

    answer: SamplingPart


def distance(text: str, other: str) -> float:
    """The logarithm of the ratio of two lengths in words, longer to shorter; an empty text counts as one word."""
    lengths = (max(1, len(words_in(one))) for one in (text, other))
    return abs(log(next(lengths)) - log(next(lengths)))


def compare(text: str, item: Mapping[str, Any]) -> dict[str, float]:
    """1.0 if the answer is as near to the reference of its item as to every text in `details`, otherwise 0.0."""
    others = [one for one in _BLANK_LINE.split(item["details"]) if one.strip()]
    own = distance(text, item["reference"])
    return {METRIC: float(all(own <= distance(text, other) for other in others))}


def build_scores(tools: Tools, predictions: pl.DataFrame, benchmark_items: pl.DataFrame) -> Result:
    """The rows of `scores/forms/<arm>`."""
    return score(predictions, benchmark_items, [METRIC], compare)


def steps(settings: Forms, recipe: Recipe, arm: str) -> list[Step]:
    """The steps of an arm: predictions and scores."""
    return [
        predictions_step(recipe, NAME, arm, settings.answer),
        scores_step(
            NAME, arm, [METRIC], build_scores, "Whether the form is the one asked for", ["reference", "details"]
        ),
    ]


BENCHMARK = Benchmark(
    name=NAME,
    description="Whether answers have the form that is asked for, by their length.",
    has_answers=True,
    settings=Forms,
    metrics=lambda settings: (Metric(METRIC, "answers whose length is nearest to the form that was asked for"),),
    steps=steps,
    fields=("reference", "details"),
)
