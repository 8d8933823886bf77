"""An ablation compares two arms (variants of the training data) that differ in one setting: the extraction levels, the
share of pairs that the perplexity filter keeps, or the number of rows. These tests check that such a setting changes
only its own stage, and that arms that differ in one setting are grouped into a series for plots."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from assets.curation.decontamination import BenchmarkTexts
from assets.curation.training_set import Budget, take
from assets.enhancement.filtering import decide
from assets.evaluation.ablations import Series, series
from assets.planning.graph import steps
from assets.recipe.values import LEVELS
from assets.steps.step import Step
from tests.support.recipes import complaints, parsed, put, starter
from warehouse.core.errors import UserError
from warehouse.core.identity import digest

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


def test_other_levels_are_rejected_and_pairs_without_a_level_pass() -> None:
    result = decide({"all": PAIRS}, {}, None, None, ["keywords", "model"])
    assert result.kept["level"].to_list() == ["", "", "keywords", "keywords", "model", "model"]
    assert result.counts() == {("kept", ""): 6, ("rejected", "level: sentence"): 2}


def test_a_smaller_set_is_the_start_of_a_larger_one() -> None:
    few, many = (take("x", PAIRS, BenchmarkTexts(ITEMS), Budget(rows), 7).kept["id"].to_list() for rows in (3, 6))
    assert few == many[:3]
    with pytest.raises(UserError, match=r"arm 'x' has 8 pairs, arms.x.rows asks for 9: 1 are missing; .* arms.x.rows"):
        take("x", PAIRS, BenchmarkTexts(ITEMS), Budget(9, "arms.x.rows"), 7)


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
        ({"draw": "own"}, "training_sets", {f"arms.{ARM}.draw": "own"}),
    ],
)
def test_a_setting_of_an_arm_changes_only_its_own_stage(
    change: dict[str, Any], stage: str, added: dict[str, Any]
) -> None:
    plain, other = graph(), graph(**change)
    differing = {asset for asset, step in other.items() if step.slice != plain[asset].slice}
    assert differing == {f"{stage}/{ARM}"}
    assert added.items() <= other[f"{stage}/{ARM}"].slice.items()


def test_the_shared_draw_is_the_default() -> None:
    assert {name: step.slice for name, step in graph(draw="shared").items()} == {
        name: step.slice for name, step in graph().items()
    }


def test_settings_that_do_not_apply_to_an_arm_are_reported() -> None:
    assert complaints(("arms.self_training.levels", ["model"]), ("arms.self_training.keep", 0.5)) == [
        "arms.self_training.levels: found ['model']; only pairs of extract_then_generate, shuffled_instructions have a "
        "level",
        "arms.self_training.keep: found 0.5; it needs perplexity or alignment among arms.self_training.filters",
    ]


def series_of(arms: dict[str, dict[str, Any]], *changes: tuple[str, Any]) -> list[Series]:
    """The series of the starter recipe with extra arms; each copies ARM except for the given settings."""
    values = starter()
    for path, value in changes:
        values = put(values, path, value)
    for name, differs in arms.items():
        values = put(values, f"arms.{name}", values["arms"][ARM] | differs)
    return series(parsed(values))


MORE = {
    "half": {"keep": 0.5},
    "half_of_128": {"keep": 0.5, "rows": 128},
    "whole": {"keep": 1.0},
    "unfiltered": {"filters": ["diversity", "heuristics"]},
    "keywords": {"levels": ["keywords"]},
}
DRAWN = "extract_then_generate\nheuristics, perplexity, diversity; "


def test_arms_that_differ_in_one_setting_form_a_series() -> None:
    assert series_of({}) == []
    assert series_of(MORE) == [
        Series("keep", (("half", 0.5), (ARM, 0.75), ("whole", 1.0)), f"{DRAWN}64 rows"),
        Series("rows", (("half", 64), ("half_of_128", 128)), f"{DRAWN}keep 0.5"),
    ]


def test_an_unfiltered_arm_ends_a_series_only_if_nothing_else_differs() -> None:
    """Other things differ if diversity prefers low perplexity, or if limits drop pairs that the share keeps."""
    plain = {"filters": ["heuristics", "perplexity"]}
    arms = {"cut": plain, "half": plain | {"keep": 0.5}, "all": {"filters": ["heuristics"]}}
    of = "extract_then_generate\nheuristics, perplexity; 64 rows"
    assert series_of(arms) == [Series("keep", (("half", 0.5), ("cut", 0.75), ("all", 1.0)), of)]
    for limit in ({"at_most": 40.0}, {"at_least": 2.0}, {"measure": "ifd"}):
        found = series_of(arms, ("enhancement.perplexity", {"keep": 0.75} | limit))
        assert found == [Series("keep", (("half", 0.5), ("cut", 0.75)), of)]


def test_an_arm_with_its_own_draw_is_in_no_series_with_others() -> None:
    assert series_of({"few": {"rows": 8, "draw": "own"}}) == []
    assert [one.by for one in series_of({"few": {"rows": 8}})] == ["rows"]


def test_a_series_label_names_its_levels() -> None:
    found = series_of({"few": {"levels": ["keywords"], "rows": 8}, "many": {"levels": ["keywords"], "rows": 16}})
    assert found == [
        Series("rows", (("few", 8), ("many", 16)), "extract_then_generate (keywords)" + DRAWN[21:] + "keep 0.75")
    ]


def test_a_keep_share_of_1_keeps_every_measured_pair() -> None:
    measured = pl.DataFrame({"pair": PAIRS["id"], "value": [float(row) for row in range(len(PAIRS))]}).with_columns(
        measure=pl.lit("response_given_instruction")
    )
    settings = parsed(put(starter(), "enhancement.perplexity.keep", 1.0)).enhancement.perplexity
    assert decide({"all": PAIRS}, {"all": measured}, None, settings).counts() == {("kept", ""): len(PAIRS)}
