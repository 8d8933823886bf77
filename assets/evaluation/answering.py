"""Answers to benchmark items and their scores, for all benchmarks in which students write text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl

from assets.evaluation import answerers
from assets.evaluation.answerers import Answerer
from assets.prompting.answers import failed
from assets.prompting.prompts import answer
from assets.recipe.parts import SamplingPart
from assets.recipe.types import Recipe
from assets.steps import names
from assets.steps.step import Step, made
from resources.models.calls import Sampling
from resources.tools.tools import Tools
from warehouse.core.identity import row_seed
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Prediction, Score

Scorer = Callable[[str, Mapping[str, Any]], Mapping[str, float]]
"""Maps the text of a prediction and its item to the value of each metric."""


def predict(
    benchmark: str, arm: str, items: pl.DataFrame, models: Sequence[Answerer], settings: SamplingPart, seed: int
) -> Result:
    """Make one prediction per model and item of the benchmark (columns benchmark, id, instruction, input)."""
    items = items.filter(pl.col("benchmark") == benchmark)
    gate = Gate(Prediction, len(models) * len(items))
    prompts = [
        answer(row["instruction"], row["input"], row_seed(seed, "evaluation", row["id"]))
        for row in items.iter_rows(named=True)
    ]
    for answerer in models:
        completions = answerer.model.complete(prompts, Sampling(**settings.model_dump()))
        for item, completion in zip(items["id"], completions, strict=True):
            row = {
                "benchmark": benchmark,
                "arm": arm,
                "seed": answerer.seed,
                "item": item,
                "text": completion.text.strip(),
            }
            parents = [(item, "item"), (completion.call, "call"), *answerer.made_by]
            # A student that only thinks gave a wrong answer. Without a prediction it would not count at all.
            if not failed(gate, row, completion, parents):
                gate.keep(row, parents)
    return gate.result()


def score(predictions: pl.DataFrame, items: pl.DataFrame, metrics: Sequence[str], scorer: Scorer) -> Result:
    """Make one score record per prediction and metric."""
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
    """The step of `predictions/<benchmark>/<arm>`. The arm `base` is the untouched base, which is the control."""
    seed, base = recipe.seed, recipe.training.base

    def build(tools: Tools, benchmark_items: pl.DataFrame, student: pl.DataFrame | None = None) -> Result:
        return predict(benchmark, arm, benchmark_items, answerers.load(tools, base, student), settings, seed)

    inputs = {"benchmark_items": names.BENCHMARK_ITEMS, **answerers.inputs(arm)}
    count = answerers.item_count(recipe, benchmark)
    items = [("benchmark_items", column) for column in ("id", "instruction", "input")]
    return Step(
        asset=names.predictions(benchmark, arm),
        group="evaluation",
        description=f"Answers of {answerers.described(arm)} to the items of the benchmark {benchmark}.",
        model=Prediction,
        build=build,
        slice=recipe.slice("seed", f"evaluation.{benchmark}.answer", "training.base", f"models.{base}"),
        inputs=inputs,
        kinds=frozenset({"transformers", "duckdb"}),
        most=answerers.bound(recipe, arm, count, count),
        # The seed of an answer is derived from the id of its item.
        columns=made(
            *inputs,
            benchmark=[("benchmark_items", "benchmark")],
            arm=(),
            seed=answerers.seed_lineage(arm),
            item=items[:1],
            text=[*items, *answerers.text_lineage(arm)],
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
    """The step of `scores/<benchmark>/<arm>`, which `build` makes from predictions and benchmark items.

    `described` says what is measured. `compared` lists the columns of an item that a prediction is compared with.
    """
    return Step(
        asset=names.scores(benchmark, arm),
        group="evaluation",
        description=f"{described}, for each prediction of {arm!r}.",
        model=Score,
        build=build,
        slice={},
        inputs={"predictions": names.predictions(benchmark, arm), "benchmark_items": names.BENCHMARK_ITEMS},
        kinds=frozenset({"python", "duckdb"}),
        columns=made(
            "predictions",
            **{column: [("predictions", column)] for column in ("benchmark", "arm", "seed", "item")},
            metric=(),
            value=[("predictions", "text"), *(("benchmark_items", column) for column in compared)],
        ),
    )
