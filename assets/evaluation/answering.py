"""Answers to benchmark items, and scores of these answers: what the benchmarks share whose students write text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl

from assets.evaluation import answerers as of
from assets.evaluation.answerers import Student
from assets.prompting.answers import unanswered
from assets.prompting.prompts import answer
from assets.recipe.parts import SamplingPart
from assets.recipe.types import Recipe
from assets.steps.step import Step, made
from resources.models.calls import Sampling
from resources.tools.tools import Tools
from warehouse.core.identity import row_seed
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Prediction, Score

Scorer = Callable[[str, Mapping[str, Any]], Mapping[str, float]]
"""The text of a prediction and its item to the metrics' values."""


def predict(
    benchmark: str, arm: str, items: pl.DataFrame, students: Sequence[Student], settings: SamplingPart, seed: int
) -> Result:
    """One prediction per student and item of the benchmark (columns benchmark, id, instruction, input)."""
    items = items.filter(pl.col("benchmark") == benchmark)
    gate = Gate(Prediction, len(students) * len(items))
    prompts = [
        answer(row["instruction"], row["input"], row_seed(seed, "evaluation", row["id"]))
        for row in items.iter_rows(named=True)
    ]
    for student in students:
        completions = student.model.complete(prompts, Sampling(**settings.model_dump()))
        for item, completion in zip(items["id"], completions, strict=True):
            row = {
                "benchmark": benchmark,
                "arm": arm,
                "seed": student.seed,
                "item": item,
                "text": completion.text.strip(),
            }
            parents = [(item, "item"), (completion.call, "call"), *student.made_by]
            if not unanswered(gate, row, completion, parents):
                gate.keep(row, parents)
    return gate.result()


def score(predictions: pl.DataFrame, items: pl.DataFrame, metrics: Sequence[str], scorer: Scorer) -> Result:
    """One record per prediction and metric."""
    gate = Gate(Score, len(predictions) * len(metrics))
    item_of = {item["id"]: item for item in items.iter_rows(named=True)}
    for row in predictions.iter_rows(named=True):
        values = scorer(row["text"], item_of[row["item"]])
        for name in metrics:
            gate.keep(
                {**{key: row[key] for key in ("benchmark", "arm", "seed", "item")}, "metric": name}
                | {"value": values[name]},
                [(row["id"], "prediction"), (row["item"], "item")],
            )
    return gate.result()


def predictions_step(recipe: Recipe, benchmark: str, arm: str, settings: SamplingPart) -> Step:
    """The asset `predictions/<benchmark>/<arm>`; the arm `base` is the untouched base, the control."""
    seed, base = recipe.seed, recipe.training.base

    def build(tools: Tools, benchmark_items: pl.DataFrame, student: pl.DataFrame | None = None) -> Result:
        return predict(benchmark, arm, benchmark_items, of.students(tools, base, student), settings, seed)

    inputs = {"benchmark_items": "benchmark_items", **of.inputs(arm)}
    count = of.items_of(recipe, benchmark)
    items = [("benchmark_items", column) for column in ("id", "instruction", "input")]
    return Step(
        asset=f"predictions/{benchmark}/{arm}",
        group="evaluation",
        description=f"What {of.named(arm)} answers to the items of the benchmark {benchmark}.",
        model=Prediction,
        build=build,
        slice=recipe.slice("seed", f"evaluation.{benchmark}.answer", "training.base", f"models.{base}"),
        inputs=inputs,
        kinds=frozenset({"transformers", "duckdb"}),
        most=of.bound(recipe, arm, count, count),
        # The id of an item is the seed of its answer.
        columns=made(
            *inputs,
            benchmark=[("benchmark_items", "benchmark")],
            arm=(),
            seed=of.seeds(arm),
            item=items[:1],
            text=[*items, *of.written(arm)],
        ),
    )


def scores_step(
    benchmark: str,
    arm: str,
    metrics: Sequence[str],
    build: Callable[[Tools, pl.DataFrame, pl.DataFrame], Result],
    described: str,
    compared: Sequence[str],
) -> Step:
    """The asset `scores/<benchmark>/<arm>`, made by `build` from predictions and benchmark items.

    `described` says what of the predictions is scored, `compared` which columns of an item it is compared with.
    """
    return Step(
        asset=f"scores/{benchmark}/{arm}",
        group="evaluation",
        description=f"{described} of the predictions of {arm!r}, per item.",
        model=Score,
        build=build,
        slice={},
        inputs={"predictions": f"predictions/{benchmark}/{arm}", "benchmark_items": "benchmark_items"},
        kinds=frozenset({"python", "duckdb"}),
        columns=made(
            "predictions",
            **{column: [("predictions", column)] for column in ("benchmark", "arm", "seed", "item")},
            metric=(),
            value=[("predictions", "text"), *(("benchmark_items", column) for column in compared)],
        ),
    )
