"""Likeness: how near the meaning of an answer is to the human text, and whether it answers its own question.

The answers are those of another benchmark, so nothing is written. Both metrics are cosines of sentence embeddings
(Reimers and Gurevych 2019, https://arxiv.org/abs/1908.10084); the second is retrieval as in `quality/<arm>`, and ours:

- `similarity`: the cosine of the answer to the reference of its item.
- `own_question`: whether the question of its item is the nearest of all questions of the benchmark to the answer. A
  question that is asked in several words or of several items counts as one.

Worked example: among 120 questions, the answer "Pesto is a sauce from Genoa." is nearest to "Tell me about Pesto.", its
own: 1. An answer about tea is nearest to another one: 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assets.evaluation import answerers
from assets.evaluation.benchmark import Benchmark, Metric, answered
from assets.prompting.answers import failed
from assets.prompting.prompts import with_input
from assets.recipe.parts import Part
from assets.recipe.types import Recipe
from assets.recipe.values import Name
from assets.steps import names
from assets.steps.step import Step, made
from resources.models.calls import Vector
from resources.tools.tools import Tools
from warehouse.core.texts import normalized
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Score

NAME = "likeness"
SIMILARITY, OWN = "similarity", "own_question"

Vectors = NDArray[np.float64]
"""One unit-length row per text."""


class Likeness(Part):
    """The benchmark whose answers are compared, and the model that embeds the texts."""

    embedder: str
    of: Name = "longform"


def nearest(answers: Vectors, questions: Vectors, own: Sequence[int]) -> list[bool]:
    """Whether no question is nearer to each answer than its own, whose row is in `own`. All rows have unit length."""
    similarity = answers @ questions.T
    mine = similarity[range(len(own)), list(own)]
    return [bool(row.max() <= value) for row, value in zip(similarity, mine, strict=True)]


def measure(arm: str, predictions: pl.DataFrame, items: pl.DataFrame, vectors: Mapping[str, Vector]) -> Result:
    """Two scores per prediction (columns id, seed, item, text), from the embedding of each text.

    A prediction with a text that could not be embedded has no score."""
    gate = Gate(Score, 2 * len(predictions))
    asked = {row["id"]: with_input(row["instruction"], row["input"]) for row in items.iter_rows(named=True)}
    reference = dict(items.select("id", "reference").iter_rows())
    questions = {normalized(text): vectors[text] for text in asked.values() if not vectors[text].error}
    place = {text: number for number, text in enumerate(questions)}
    usable = []
    for row in predictions.iter_rows(named=True):
        used = [vectors[text] for text in (row["text"], reference[row["item"]], asked[row["item"]])]
        content = {"benchmark": NAME, "arm": arm, "seed": row["seed"], "item": row["item"], "value": None}
        calls = [(call, "call") for call in dict.fromkeys(one.call for one in used)]
        parents = [(row["id"], "prediction"), (row["item"], "item"), *calls]
        if faulty := [one for one in used if one.error]:
            for name in (SIMILARITY, OWN):
                failed(gate, content | {"metric": name}, faulty[0], parents)
        else:
            usable.append((content, parents, used, place[normalized(asked[row["item"]])]))
    if usable:
        answers, references = (_matrix([used[at] for _, _, used, _ in usable]) for at in (0, 1))
        found = nearest(answers, _matrix(questions.values()), [own for *_, own in usable])
        cosines = np.einsum("rc,rc->r", answers, references)
        for (content, parents, *_), cosine, is_own in zip(usable, cosines, found, strict=True):
            gate.keep(content | {"metric": SIMILARITY, "value": float(cosine)}, parents)
            gate.keep(content | {"metric": OWN, "value": float(is_own)}, parents)
    return gate.result()


def _matrix(vectors: Iterable[Vector]) -> Vectors:
    return np.array([one.values for one in vectors], dtype=np.float64)


def steps(settings: Likeness, recipe: Recipe, arm: str) -> list[Step]:
    """The step of an arm's scores."""

    def build(tools: Tools, predictions: pl.DataFrame, benchmark_items: pl.DataFrame) -> Result:
        items = benchmark_items.filter(pl.col("benchmark") == settings.of)
        questions = [with_input(row["instruction"], row["input"]) for row in items.iter_rows(named=True)]
        texts = list(dict.fromkeys([*questions, *items["reference"], *predictions["text"]]))
        return measure(arm, predictions, items, dict(zip(texts, tools.embed(settings.embedder, texts), strict=True)))

    inputs = {"predictions": names.predictions(settings.of, arm), "benchmark_items": names.BENCHMARK_ITEMS}
    count = answerers.item_count(recipe, settings.of)
    read = [("benchmark_items", column) for column in ("instruction", "input", "reference")]
    return [
        Step(
            asset=names.scores(NAME, arm),
            group="evaluation",
            description=f"How near the answers of {answerers.described(arm)} are to the human texts, per item.",
            model=Score,
            build=build,
            slice=recipe.slice(f"evaluation.{NAME}", f"models.{settings.embedder}"),
            inputs=inputs,
            kinds=frozenset({"transformers", "duckdb"}),
            most=answerers.bound(recipe, arm, 2 * count, 3 * count),
            columns=made(
                *inputs,
                **{column: [("predictions", column)] for column in ("seed", "item")},
                benchmark=(),
                arm=(),
                metric=(),
                value=[("predictions", "text"), *read],
            ),
        )
    ]


def faults(settings: Likeness, recipe: Recipe) -> Iterator[tuple[str, object, str]]:
    """Check that the benchmark in `of` has answers, and its items references."""
    selections = [one for one in recipe.benchmark_items if one.benchmark == settings.of]
    usable = answered(recipe)
    if settings.of not in usable or not all("reference" in one.fields for one in selections):
        right = f"a benchmark of evaluation with answers, whose items all have a reference; known: {', '.join(usable)}"
        yield "of", settings.of, f"it must name {right}"


BENCHMARK = Benchmark(
    name=NAME,
    description="How near answers are to the human text, and whether they answer their own question.",
    settings=Likeness,
    metrics=lambda settings: (
        Metric(SIMILARITY, "cosine of the answer to the human text", unit="cosine", scale=1.0),
        Metric(OWN, "answers that are nearest to their own question"),
    ),
    steps=steps,
    fields=None,
    faults=faults,
    models=lambda settings: [("embedder", settings.embedder)],
)
