"""A task of lm-evaluation-harness by name, asked of each student over documents that are items of the recipe.

The harness (https://github.com/EleutherAI/lm-evaluation-harness) says what is asked and how answers are scored; see
harness.py for what is ours. A score is one document's, by a metric whose published figure is the mean over documents;
other metrics are refused. `details` of an item is the task's document as its data set has it:
`{benchmark: lm_eval, source: arc, count: 500, fields: {instruction: "{question}", details: "{*:json}"}}`.

Zero shots and no chat template are the harness's own default. Examples can only be those that a task brings along,
since the documents at hand are those that are scored.

Worked example: of three documents of arc_easy a student finds the right choice likeliest in two: acc 1, 1 and 0, which
the leaderboard shows as 66.7 %.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Annotated, Any

import polars as pl
from pydantic import Field

from assets.evaluation import answerers as of
from assets.evaluation.answerers import Student
from assets.evaluation.benchmark import Benchmark, Metric
from assets.evaluation.benchmarks.harness import Asked, DocumentRefused, HarnessTask, Question
from assets.prompting.answers import unanswered
from assets.recipe.parts import Part
from assets.recipe.types import Recipe
from assets.recipe.values import Count
from assets.steps.step import Step, made
from resources.models.calls import Completion, Sampling, TokenLoss
from resources.tools.memoized_model import MemoizedModel
from resources.tools.tools import Tools
from warehouse.core.identity import Parent, row_seed
from warehouse.results.result import Gate, Result
from warehouse.schema.records import HIGHER, LOWER, Score

NAME = "lm_eval"
SHARES = ("acc", "exact_match", "f1", "em", "contains")
"""How names of metrics begin that lie between 0 and 1."""


class LmEval(Part):
    """The task, its metrics ("acc"; with several filters "exact_match,strict-match"), and those of them that are
    better where they are `lower`; `max_new_tokens` in place of the task's own limit."""

    task: str
    metrics: Annotated[tuple[str, ...], Field(min_length=1)] = ("acc",)
    lower: tuple[str, ...] = ()
    shots: Annotated[int, Field(ge=0)] = 0
    chat: bool = False
    max_new_tokens: Count | None = None


def measure(settings: LmEval, arm: str, items: pl.DataFrame, students: Sequence[Student], seed: int) -> Result:
    """One score per student, item (columns id, details) and metric.

    Raises TaskRefused where the task or a metric cannot be asked; a document that the task cannot read is quarantined.
    """
    task = HarnessTask(settings.task, settings.shots, settings.chat)
    gate = Gate(Score, len(students) * len(items) * len(settings.metrics))
    asked, unread = dict[str, Asked](), dict[str, str]()
    for item, details in items.select("id", "details").iter_rows():
        try:
            asked[item] = task.ask(_document(details), row_seed(seed, NAME, item))
        except DocumentRefused as refused:
            unread[item] = str(refused)
    if task.ready:
        task.check(settings.metrics, settings.lower)
    for student in students:
        rows = {
            item: [
                {"benchmark": NAME, "arm": arm, "seed": student.seed, "item": item, "metric": metric, "value": None}
                for metric in settings.metrics
            ]
            for item in items["id"]
        }
        for item, why in unread.items():
            for row in rows[item]:
                gate.quarantine(row, why, [(item, "item"), *student.made_by])
        told = answers(student.model, [one.questions for one in asked.values()], task, settings.max_new_tokens)
        for (item, one), given in zip(asked.items(), told, strict=True):
            parents = [(item, "item"), *((answer.call, "call") for answer in given), *student.made_by]
            decide(gate, task, one, given, rows[item], parents, row_seed(seed, NAME, item))
    return gate.result()


def answers(
    model: MemoizedModel, questions: Sequence[Sequence[Question]], task: HarnessTask, most: int | None
) -> list[list[TokenLoss | Completion]]:
    """What the model answers to the questions of each document, in their order."""
    every = [question for several in questions for question in several]
    given: Iterator[TokenLoss | Completion]
    if any(question.continuation is None for question in every):
        sampling: Sampling = task.sampling(most)
        given = iter(model.complete([question.prompt for question in every], sampling))
    else:
        given = iter(model.losses([(question.prompt, question.continuation or "") for question in every]))
    return [[next(given) for _ in several] for several in questions]


def decide(
    gate: Gate,
    task: HarnessTask,
    asked: Asked,
    given: Sequence[TokenLoss | Completion],
    rows: Sequence[dict[str, Any]],
    parents: Sequence[Parent],
    seed: int,
) -> None:
    """Keeps the scores of a document (`rows`, one per metric), or says why there are none."""
    missing = [answer for answer in given if answer.error or answer.refusal]
    if missing:
        first = next((answer for answer in missing if answer.error), missing[0])
        for row in rows:
            unanswered(gate, row, first, parents)
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
        raise DocumentRefused(f"its details are no JSON: {error}") from error
    if not isinstance(document, dict) or not document:
        raise DocumentRefused("its details are no JSON object")
    return document


def steps(settings: LmEval, recipe: Recipe, arm: str) -> list[Step]:
    """The scores of an arm."""
    seed, base = recipe.seed, recipe.training.base

    def build(tools: Tools, benchmark_items: pl.DataFrame, student: pl.DataFrame | None = None) -> Result:
        items = benchmark_items.filter(pl.col("benchmark") == NAME)
        return measure(settings, arm, items, of.students(tools, base, student), seed)

    inputs = {"benchmark_items": "benchmark_items", **of.inputs(arm)}
    # How many questions a document makes, the task alone knows.
    most = replace(of.bound(recipe, arm, of.items_of(recipe, NAME) * len(settings.metrics), 0), calls=None)
    return [
        Step(
            asset=f"scores/{NAME}/{arm}",
            group="evaluation",
            description=f"How {of.named(arm)} does at {settings.task} of lm-evaluation-harness, per document.",
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
                seed=of.seeds(arm),
                item=[("benchmark_items", "id")],
                metric=(),
                value=[("benchmark_items", "id"), ("benchmark_items", "details"), *of.written(arm)],
            ),
        )
    ]


def faults(settings: LmEval, recipe: Recipe) -> Iterator[tuple[str, object, str]]:
    """What shows without the harness, which is asked once it is built."""
    if strange := sorted(set(settings.lower) - set(settings.metrics)):
        yield "lower", strange, "it must name metrics of this benchmark"


def metrics(settings: LmEval) -> list[Metric]:
    """What a score of each metric means: a share in percent, or the number that the task gives."""
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
