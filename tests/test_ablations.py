"""An ablation is an arm that differs from another in one thing: the extraction level, the cut, or the number of rows.
It must differ in that alone, and heed nothing else."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from assets.curation.decontamination import Benchmarks
from assets.curation.training_set import Budget, TooFewPairs, take
from assets.enhancement.filtering import decide
from assets.graph import steps
from assets.recipe_values import LEVELS
from assets.step import Step
from recipes import complaints, parsed, put, starter
from warehouse.identity import digest

ARM = "filtered_extract_then_generate"
PAIRS = pl.DataFrame(
    [
        {
            "id": digest([level, number]),
            "method": "extract_then_generate" if level else "self_training",
            "level": level,
            "instruction": f"What is {number}?",
            "input": "",
            "response": f"A number: {number}.",
        }
        for level in ("", *LEVELS)
        for number in range(2)
    ]
)
ITEMS = pl.DataFrame(schema={"instruction": pl.String, "reference": pl.String})


def graph(**changes: Any) -> dict[str, Step]:
    values = starter()
    for key, value in changes.items():
        values = put(values, f"arms.{ARM}.{key}", value)
    return {step.asset: step for step in steps(parsed(values))}


def test_pairs_of_other_levels_are_rejected_and_those_without_a_level_pass() -> None:
    result = decide({"all": PAIRS}, {}, None, None, ["keywords", "model"])
    assert result.kept["level"].to_list() == ["", "", "keywords", "keywords", "model", "model"]
    assert result.counts() == {("kept", ""): 6, ("rejected", "level: sentence"): 2}


def test_fewer_rows_are_the_first_of_more() -> None:
    few, many = (take("x", PAIRS, Benchmarks(ITEMS), Budget(rows), 7).kept["id"].to_list() for rows in (3, 6))
    assert few == many[:3]
    with pytest.raises(
        TooFewPairs, match=r"arm 'x' has 8 pairs, arms.x.rows asks for 9: 1 are missing; .* arms.x.rows"
    ):
        take("x", PAIRS, Benchmarks(ITEMS), Budget(9, "arms.x.rows"), 7)


@pytest.mark.parametrize(
    ("change", "stage", "added"),
    [
        ({"levels": ["sentence"]}, "enhanced_instructions", {f"arms.{ARM}.levels": ["sentence"]}),
        (
            {"keep": 0.5},
            "enhanced_instructions",
            {"enhancement.perplexity": {"measure": "response_given_instruction", "keep": 0.5}},
        ),
        ({"rows": 32}, "training_sets", {f"arms.{ARM}.rows": 32}),
    ],
)
def test_an_arm_differs_where_it_says_so_and_nowhere_else(
    change: dict[str, Any], stage: str, added: dict[str, Any]
) -> None:
    plain, other = graph(), graph(**change)
    differing = {asset for asset, step in other.items() if step.slice != plain[asset].slice}
    assert differing == {f"{stage}/{ARM}"}
    assert added.items() <= other[f"{stage}/{ARM}"].slice.items()


def test_what_an_arm_cannot_differ_in_is_named() -> None:
    assert complaints(("arms.self_training.levels", ["model"]), ("arms.self_training.keep", 0.5)) == [
        "arms.self_training.levels: found ['model']; only pairs of extract_then_generate have a level",
        "arms.self_training.keep: found 0.5; it needs perplexity among arms.self_training.filters",
    ]
