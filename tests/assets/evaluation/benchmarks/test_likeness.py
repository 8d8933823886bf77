"""Likeness compares the meaning of an answer with the human text and with all questions. These tests check both numbers
against vectors that are known, and that a text that could not be embedded leaves no score behind."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from assets.evaluation.benchmark import Metric
from assets.evaluation.benchmarks.likeness import BENCHMARK, measure
from assets.planning.graph import steps
from resources.models.calls import Vector
from tests.support.recipes import complaints, parsed, put, starter
from warehouse.core.identity import digest

TEA, JAM, TEA_TOO = digest("tea"), digest("jam"), digest("tea too")
ITEMS = pl.DataFrame(
    {
        "id": [TEA, JAM, TEA_TOO],
        "instruction": ["What is tea?", "What is jam?", "what is tea?"],
        "input": ["", "", ""],
        "reference": ["A drink.", "A spread.", "A hot drink."],
    }
)
AT = {
    "What is tea?": (1.0, 0.0),
    "what is tea?": (1.0, 0.0),
    "What is jam?": (0.0, 1.0),
    "A drink.": (0.8, 0.6),
    "A hot drink.": (1.0, 0.0),
    "A spread.": (0.0, 1.0),
    "It is drunk.": (0.96, 0.28),
    "It is eaten.": (0.6, 0.8),
}
VECTORS = {text: Vector(np.array(values, dtype=np.float32), f"call {text}") for text, values in AT.items()}


def predictions(*rows: tuple[str, str]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {"id": digest(row), "benchmark": "longform", "arm": "x", "seed": 7, "item": row[0], "text": row[1]}
            for row in rows
        ]
    )


def test_the_cosine_to_the_human_text_and_whether_the_own_question_is_nearest() -> None:
    answers = predictions(
        (TEA, "It is drunk."), (JAM, "It is drunk."), (TEA_TOO, "It is drunk."), (TEA, "It is eaten.")
    )
    result = measure("x", answers, ITEMS, VECTORS)
    found = [
        (*row[:2], pytest.approx(row[2], abs=1e-6)) for row in result.kept.select("item", "metric", "value").rows()
    ]
    assert found == [
        (TEA, "similarity", 0.936),
        (TEA, "own_question", 1.0),
        (JAM, "similarity", 0.28),
        (JAM, "own_question", 0.0),
        (TEA_TOO, "similarity", 0.96),
        (TEA_TOO, "own_question", 1.0),  # its question is that of another item, too
        (TEA, "similarity", 0.96),
        (TEA, "own_question", 0.0),
    ]
    edges = result.edges.filter(pl.col("child") == result.kept["id"][0]).select("parent", "role").rows()
    assert edges == [
        (digest((TEA, "It is drunk.")), "prediction"),
        (TEA, "item"),
        ("call It is drunk.", "call"),
        ("call A drink.", "call"),
        ("call What is tea?", "call"),
    ]


def test_a_text_that_could_not_be_embedded_fails_the_scores_of_its_answer_alone() -> None:
    broken = VECTORS | {"A drink.": Vector(np.empty(0, dtype=np.float32), "call", "MemoryError")}
    result = measure("x", predictions((TEA, "It is drunk."), (JAM, "It is eaten.")), ITEMS, broken)
    assert result.kept.select("item", "metric", "value").rows() == [
        (JAM, "similarity", pytest.approx(0.8)),
        (JAM, "own_question", 1.0),
    ]
    assert {key: count for key, count in result.counts().items() if key[0] != "kept"} == {("failed", "MemoryError"): 2}


def test_a_metric_without_a_unit_cannot_be_declared() -> None:
    assert [metric.unit for metric in BENCHMARK.metrics(None)] == ["cosine", "%"]
    with pytest.raises(ValueError, match="the metric similarity needs a unit"):
        Metric("similarity", "cosine", unit="")


def test_it_reads_the_answers_of_another_benchmark() -> None:
    recipe = parsed(put(starter(), "evaluation.likeness", {"embedder": "embedder"}))
    found = {step.asset: step for step in steps(recipe)}
    assert dict(found["scores/likeness/base"].inputs) == {
        "predictions": "predictions/longform/base",
        "benchmark_items": "benchmark_items",
    }
    assert complaints(("evaluation.likeness", {"of": "likeness", "embedder": "embedder"})) == [
        "evaluation.likeness.of: found 'likeness'; it must name a benchmark of evaluation with answers, whose items all"
        " have a reference; known: longform"
    ]
    (problem,) = complaints(("evaluation.likeness", {"embedder": "embeder"}))
    assert problem.startswith("evaluation.likeness.embedder: found 'embeder'; it must name a model of the recipe")
