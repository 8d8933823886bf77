"""Long-form generation: answers to held-out instructions, compared with what a human wrote.

After the LongForm evaluation that arXiv 2308.12711 uses: each arm's student writes a response per item, greedily in
the starter recipe, and METEOR and ROUGE-L are taken against the human reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from assets.evaluation.metrics import METRICS
from assets.generation.answers import unanswered
from assets.generation.prompts import answer
from assets.recipe import BASE, Recipe
from assets.recipe_parts import SamplingPart
from assets.step import Most, Step, made
from assets.training.checkpoint import adapter_of, written_by
from resources.calls import Sampling, Writer
from resources.tools import Tools
from warehouse.identity import Parent, row_seed
from warehouse.records import Prediction, Score
from warehouse.result import Gate, Result


@dataclass(frozen=True)
class Student:
    """What answers for an arm: a writer, with the seed that it was trained with and the checkpoint that it is; the
    untouched base has neither."""

    writer: Writer
    seed: int | None = None
    made_by: tuple[Parent, ...] = ()


def predict(arm: str, items: pl.DataFrame, students: Sequence[Student], settings: SamplingPart, seed: int) -> Result:
    """One prediction per student and benchmark item (columns id, instruction, input)."""
    gate = Gate(Prediction, len(students) * len(items))
    prompts = [
        answer(row["instruction"], row["input"], row_seed(seed, "evaluation", row["id"]))
        for row in items.iter_rows(named=True)
    ]
    for student in students:
        completions = student.writer.complete(prompts, Sampling(**settings.model_dump()))
        for item, completion in zip(items["id"], completions, strict=True):
            row = {"arm": arm, "seed": student.seed, "item": item, "text": completion.text.strip()}
            parents = [(item, "item"), (completion.call, "call"), *student.made_by]
            if not unanswered(gate, row, completion, parents):
                gate.keep(row, parents)
    return gate.result()


def score(predictions: pl.DataFrame, items: pl.DataFrame) -> Result:
    """One record per prediction and metric."""
    gate = Gate(Score, len(predictions) * len(METRICS))
    reference = dict(zip(items["id"], items["reference"], strict=True))
    for row in predictions.iter_rows(named=True):
        for name, metric in METRICS.items():
            gate.keep(
                {
                    "arm": row["arm"],
                    "seed": row["seed"],
                    "item": row["item"],
                    "metric": name,
                    "value": metric(row["text"], reference[row["item"]]),
                },
                [(row["id"], "prediction"), (row["item"], "item")],
            )
    return gate.result()


def predictions_step(recipe: Recipe, arm: str) -> Step:
    """The asset `predictions/<arm>`; the arm `base` is the untouched base, the control."""
    settings, seed, base = recipe.evaluation.answer, recipe.seed, recipe.training.base

    def build(tools: Tools, benchmark_items: pl.DataFrame, student: pl.DataFrame | None = None) -> Result:
        if student is None:
            return predict(arm, benchmark_items, [Student(tools.model(base))], settings, seed)
        students = [
            Student(tools.model(base, adapter_of(row)), row["seed"][0], ((row["id"][0], "checkpoint"),))
            for row in student.iter_slices(1)
        ]
        return predict(arm, benchmark_items, students, settings, seed)

    inputs = {"benchmark_items": "benchmark_items"}
    if arm != BASE:
        inputs["student"] = f"students/{arm}"
    rows = recipe.training.seeds * sum(selection.count for selection in recipe.benchmark_items)
    items = [("benchmark_items", column) for column in ("id", "instruction", "input")]
    writer = written_by("student") if arm != BASE else []
    trained = [("student", "seed")] if arm != BASE else []
    return Step(
        asset=f"predictions/{arm}",
        group="evaluation",
        description=f"What the student of {arm!r} answers to the benchmark items."
        if arm != BASE
        else "What the untouched base answers to the benchmark items: the control.",
        model=Prediction,
        build=build,
        slice=recipe.slice("seed", "evaluation.answer", "training.base", f"models.{base}"),
        inputs=inputs,
        kinds=frozenset({"transformers", "duckdb"}),
        most=Most(rows=rows, calls=rows) if arm != BASE and recipe.training.seeds > 1 else None,
        # The id of an item is the seed of its answer.
        columns=made(*inputs, arm=(), seed=trained, item=items[:1], text=[*items, *writer]),
    )


def scores_step(recipe: Recipe, arm: str) -> Step:
    """The asset `scores/<arm>`."""

    def build(tools: Tools, predictions: pl.DataFrame, benchmark_items: pl.DataFrame) -> Result:
        return score(predictions, benchmark_items)

    return Step(
        asset=f"scores/{arm}",
        group="evaluation",
        description=f"METEOR and ROUGE-L of the predictions of {arm!r} against human text, per item.",
        model=Score,
        build=build,
        slice={},
        inputs={"predictions": f"predictions/{arm}", "benchmark_items": "benchmark_items"},
        kinds=frozenset({"python", "duckdb"}),
        columns=made(
            "predictions",
            arm=[("predictions", "arm")],
            seed=[("predictions", "seed")],
            item=[("predictions", "item")],
            metric=(),
            value=[("predictions", "text"), ("benchmark_items", "reference")],
        ),
    )
