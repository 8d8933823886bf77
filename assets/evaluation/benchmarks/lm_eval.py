"""One task of lm-evaluation-harness, run on each student with benchmark items of the recipe as documents.

The harness (https://github.com/EleutherAI/lm-evaluation-harness) defines the questions and the scoring; harness.py
lists our changes. Each score belongs to one document. Only metrics whose published figure is the mean over documents
are supported. `details` of an item is the task's document in the format of its data set:
`{benchmark: lm_eval, source: arc, count: 500, fields: {instruction: "{question}", details: "{*:json}"}}`.

As in the harness, the default is zero shots and no chat template. Few-shot examples can only come from the task itself,
because the documents of the recipe are the ones that are scored.

Worked example: a student gives the right choice the highest likelihood in two of three documents of arc_easy. The acc
scores are 1, 1 and 0, which the leaderboard shows as 66.7 %.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Annotated, Any

import polars as pl
from pydantic import Field

from assets.evaluation import answerers
from assets.evaluation.answerers import Answerer
from assets.evaluation.benchmark import Benchmark, Metric
from assets.evaluation.benchmarks.harness import Asked, DocumentRefused, HarnessTask, Question
from assets.prompting.answers import failed
from assets.recipe.parts import Part
from assets.recipe.types import Recipe
from assets.recipe.values import Count
from assets.steps import names
from assets.steps.step import Step, made
from resources.models.calls import Completion, Sampling, TokenLoss
from resources.tools.memoized_model import MemoizedModel
from resources.tools.tools import Tools
from warehouse.core.identity import Parent, row_seed
from warehouse.results.result import Gate, Result
from warehouse.schema.records import HIGHER, LOWER, Score

NAME = "lm_eval"
SHARES = ("acc", "exact_match", "f1", "em", "contains")
"""Metrics whose names start like this have values between 0 and 1."""


class LmEval(Part):
    """The task and its metrics ("acc", or "exact_match,strict-match" if the task has several filters).

    `lower` lists the metrics for which lower is better. `max_new_tokens` replaces the task's own limit."""

    task: str
    metrics: Annotated[tuple[str, ...], Field(min_length=1)] = ("acc",)
    lower: tuple[str, ...] = ()
    shots: Annotated[int, Field(ge=0)] = 0
    chat: bool = False
    max_new_tokens: Count | None = None


def measure(settings: LmEval, arm: str, items: pl.DataFrame, models: Sequence[Answerer], seed: int) -> Result:
    """Make one score per model, item (columns id, details) and metric; quarantine documents that the task cannot read.

    Raises TaskRefused if the task or a metric is not supported.
    """
    task = HarnessTask(settings.task, settings.shots, settings.chat)
    gate = Gate(Score, len(models) * len(items) * len(settings.metrics))
    asked, unread = dict[str, Asked](), dict[str, str]()
    for item, details in items.select("id", "details").iter_rows():
        try:
            asked[item] = task.ask(_document(details), row_seed(seed, NAME, item))
        except DocumentRefused as refused:
            unread[item] = str(refused)
    if task.ready:
        task.check(settings.metrics, settings.lower)
    for answerer in models:
        rows = {
            item: [
                {"benchmark": NAME, "arm": arm, "seed": answerer.seed, "item": item, "metric": metric, "value": None}
                for metric in settings.metrics
            ]
            for item in items["id"]
        }
        for item, why in unread.items():
            for row in rows[item]:
                gate.quarantine(row, why, [(item, "item"), *answerer.made_by])
        answered = answers(answerer.model, [one.questions for one in asked.values()], task, settings.max_new_tokens)
        for (item, one), given in zip(asked.items(), answered, strict=True):
            parents = [(item, "item"), *((answer.call, "call") for answer in given), *answerer.made_by]
            keep_scores(gate, task, one, given, rows[item], parents, row_seed(seed, NAME, item))
    return gate.result()


def answers(
    model: MemoizedModel, questions: Sequence[Sequence[Question]], task: HarnessTask, most: int | None
) -> list[list[TokenLoss | Completion]]:
    """The model's answers to the questions of each document, in order."""
    every = [question for several in questions for question in several]
    given: Iterator[TokenLoss | Completion]
    if any(question.continuation is None for question in every):
        sampling: Sampling = task.sampling(most)
        given = iter(model.complete([question.prompt for question in every], sampling))
    else:
        given = iter(model.losses([(question.prompt, question.continuation or "") for question in every]))
    return [[next(given) for _ in several] for several in questions]


def keep_scores(
    gate: Gate,
    task: HarnessTask,
    asked: Asked,
    given: Sequence[TokenLoss | Completion],
    rows: Sequence[dict[str, Any]],
    parents: Sequence[Parent],
    seed: int,
) -> None:
    """Keep the scores of a document (`rows`, one per metric), or record why there are none."""
    missing = [answer for answer in given if answer.error or answer.refusal]
    if missing:
        first = next((answer for answer in missing if answer.error), missing[0])
        for row in rows:
            failed(gate, row, first, parents)
        return
    try:
        values = task.values(asked, given, [row["metric"] for row in rows], seed)
    except DocumentRefused as refused:
        for row in rows:
            gate.quarantine(row, str(refused), parents)
        return
    for row in rows:
        gate.keep(row | {"value": values[row["metric"]]}, parents)


def _document(details: str) -> dict[str, Any]:
    try:
        document = json.loads(details)
    except json.JSONDecodeError as error:
        raise DocumentRefused(f"details is not valid JSON: {error}") from error
    if not isinstance(document, dict) or not document:
        raise DocumentRefused("details is not a JSON object")
    return document


def steps(settings: LmEval, recipe: Recipe, arm: str) -> list[Step]:
    """The step of an arm's scores."""
    seed, base = recipe.seed, recipe.training.base

    def build(tools: Tools, benchmark_items: pl.DataFrame, student: pl.DataFrame | None = None) -> Result:
        items = benchmark_items.filter(pl.col("benchmark") == NAME)
        return measure(settings, arm, items, answerers.load(tools, base, student), seed)

    inputs = {"benchmark_items": names.BENCHMARK_ITEMS, **answerers.inputs(arm)}
    # Only the task knows how many questions it asks about a document.
    most = replace(
        answerers.bound(recipe, arm, answerers.item_count(recipe, NAME) * len(settings.metrics), 0), calls=None
    )
    return [
        Step(
            asset=names.scores(NAME, arm),
            group="evaluation",
            description=f"Scores of {answerers.described(arm)} on {settings.task} of lm-evaluation-harness.",
            model=Score,
            build=build,
            slice=recipe.slice("seed", f"evaluation.{NAME}", "training.base", f"models.{base}"),
            inputs=inputs,
            kinds=frozenset({"transformers", "duckdb"}),
            most=most,
            columns=made(
                *inputs,
                benchmark=(),
                arm=(),
                seed=answerers.seed_lineage(arm),
                item=[("benchmark_items", "id")],
                metric=(),
                value=[("benchmark_items", "id"), ("benchmark_items", "details"), *answerers.text_lineage(arm)],
            ),
        )
    ]


def faults(settings: LmEval, recipe: Recipe) -> Iterator[tuple[str, object, str]]:
    """Check what is possible without the harness; the rest is checked when the scores are built."""
    if unknown := sorted(set(settings.lower) - set(settings.metrics)):
        yield "lower", unknown, "it must name metrics of this benchmark"


def metrics(settings: LmEval) -> list[Metric]:
    """The metrics of the settings: shares are shown in percent, other values as the task returns them."""
    found = []
    for name in settings.metrics:
        metric = Metric(name, f"{name} of {settings.task}", LOWER if name in settings.lower else HIGHER)
        found.append(metric if name.startswith(SHARES) else replace(metric, unit="points", scale=1.0))
    return found


BENCHMARK = Benchmark(
    name=NAME,
    description="A task of lm-evaluation-harness over documents of the recipe.",
    settings=LmEval,
    metrics=metrics,
    steps=steps,
    fields=("details",),
    faults=faults,
)
