"""Held-out perplexity compares students by their loss on answers that people wrote, so it must use the right texts.
These tests check the exact loss per item and which benchmark's items the students read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest

from assets.evaluation.answerers import Answerer
from assets.evaluation.benchmarks.held_out_perplexity import measure
from assets.planning.graph import steps
from assets.prompting.prompts import answer
from resources.models.calls import Prompt, TokenLoss
from tests.support.recipes import complaints, parsed, put, starter
from warehouse.core.identity import digest

ITEMS = pl.DataFrame(
    {
        "id": [digest(number) for number in range(3)],
        "instruction": ["Name a herb.", "Name a fish.", "Name a stone."],
        "input": ["", "salt water", ""],
        "reference": ["Basil.", "Cod.", "Flint."],
    }
)


class ScriptedReader:
    def __init__(self, *losses: TokenLoss) -> None:
        self.script, self.asked = losses, list[tuple[Prompt, str]]()

    def losses(self, texts: Sequence[tuple[Prompt, str]], ends: bool = False) -> list[TokenLoss]:
        self.asked += texts
        return list(self.script[: len(texts)])


def student(reader: Any, seed: int | None = None) -> Answerer:
    return Answerer(reader, seed, ((digest(["checkpoint", seed]), "checkpoint"),) if seed else ())


def test_each_item_scores_the_mean_loss_of_its_reference_given_its_instruction() -> None:
    losses = (TokenLoss(2.0, 2, "a"), TokenLoss(3.5, 2, "b"), TokenLoss(0.25, 2, "c"))
    reader = ScriptedReader(*losses)
    result = measure("x", ITEMS, [student(reader, 7), student(ScriptedReader(*losses[::-1]), 8)])
    rows = result.kept.select("benchmark", "arm", "seed", "item", "metric", "value").rows()
    told = [("perplexity", "x", 7, digest(n), "log_perplexity", value) for n, value in enumerate((2.0, 3.5, 0.25))]
    told += [("perplexity", "x", 8, digest(n), "log_perplexity", value) for n, value in enumerate((0.25, 3.5, 2.0))]
    assert rows == told
    assert reader.asked[1] == (answer("Name a fish.", "salt water"), "Cod.")
    edges = result.edges.filter(pl.col("child") == result.kept["id"][0]).select("parent", "role").rows()
    assert edges == [(digest(0), "item"), ("a", "call"), (digest(["checkpoint", 7]), "checkpoint")]


def test_a_text_that_does_not_fit_is_rejected_and_an_error_is_marked_failed() -> None:
    reader = ScriptedReader(
        TokenLoss(2.0, 2, "a"), TokenLoss(0.0, 0, "b", refusal="no room"), TokenLoss(0.0, 0, "c", error="MemoryError")
    )
    outcomes = [outcome for outcome, _ in measure("base", ITEMS, [student(reader)]).counts()]
    assert sorted(outcomes) == ["failed", "kept", "rejected"]


def test_it_reads_the_references_of_the_chosen_benchmark() -> None:
    recipe = parsed(put(starter(), "evaluation.perplexity", {}))
    found = {step.asset: step for step in steps(recipe)}
    assert dict(found["scores/perplexity/base"].inputs) == {"benchmark_items": "benchmark_items"}
    assert dict(found["scores/perplexity/self_training"].inputs)["student"] == "students/self_training"
    assert complaints(("evaluation.perplexity", {"of": "judge"})) == [
        "evaluation.perplexity.of: found 'judge'; it must name a benchmark whose items all have a reference, "
        "such as 'longform'"
    ]


@pytest.mark.parametrize(
    ("benchmark", "line"),
    [
        ("longfrom", "benchmark_items.0.benchmark: found 'longfrom'; it must name a benchmark of evaluation"),
        ("perplexity", "benchmark_items.0.benchmark: found 'perplexity'; it must name a benchmark of evaluation"),
    ],
)
def test_items_must_belong_to_a_benchmark_that_has_items(benchmark: str, line: str) -> None:
    found = complaints(("benchmark_items.0.benchmark", benchmark), ("evaluation.perplexity", {}))
    assert found[0].startswith(line)


def test_items_without_a_required_reference_are_reported() -> None:
    assert complaints(("benchmark_items.0.fields", {"instruction": "{title}"})) == [
        "benchmark_items.0.fields.reference: found nothing; evaluation.longform needs a template for it"
    ]


def test_a_recipe_without_any_benchmark_is_rejected() -> None:
    found = complaints(("evaluation", {}))
    assert found[0].startswith("evaluation: found nothing; it needs at least one benchmark of ")
