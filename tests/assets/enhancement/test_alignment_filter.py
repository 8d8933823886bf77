"""The alignment filter is configured in a recipe and may differ between arms. These tests check that contradictions are
named, that an arm's own measure and share apply to it alone, and that adding a measure calls no model again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from assets.evaluation.ablations import series
from assets.planning.graph import steps
from assets.steps.step import Step
from tests.support.building import build, edit, query
from tests.support.recipes import complaints, parsed, put, starter

ARM = {"methods": ["instruction_generation"], "filters": ["heuristics", "alignment"]}


def recipe_with(arms: dict[str, dict[str, Any]], **settings: Any) -> dict[str, Any]:
    values = put(starter(), "enhancement.alignment", {"keep": 0.5} | settings)
    for name, arm in arms.items():
        values = put(values, f"arms.{name}", ARM | arm)
    return values


def graph(arms: dict[str, dict[str, Any]], **settings: Any) -> dict[str, Step]:
    return {step.asset: step for step in steps(parsed(recipe_with(arms, **settings)))}


def test_all_measures_of_a_method_are_in_one_asset() -> None:
    found = graph({"one": {}, "two": {"measure": "similarity"}, "three": {"measure": "random"}})
    measured = found["alignments/instruction_generation"]
    assert measured.slice["measures"] == ["gain", "random", "similarity"]
    assert {"models.generator", "models.embedder"} <= measured.slice.keys()
    assert "alignments/self_instruct" not in found
    assert found["enhanced_instructions/two"].slice["enhancement.alignment"] == {
        "measure": "similarity",
        "keep": 0.5,
        "embedder": "embedder",
    }


def test_a_measure_without_a_model_depends_on_none() -> None:
    found = graph({"one": {"measure": "random"}})["alignments/instruction_generation"]
    assert found.slice == {"measures": ["random"]}
    assert not found.calls_model


def test_the_share_of_an_arm_is_its_own() -> None:
    found = graph({"one": {}, "two": {"keep": 0.25}})
    kept = {
        name: found[f"enhanced_instructions/{name}"].slice["enhancement.alignment"]["keep"] for name in ("one", "two")
    }
    assert kept == {"one": 0.5, "two": 0.25}
    assert found["enhanced_instructions/one"].remedies["gain"] == "enhancement.alignment.keep"
    assert found["enhanced_instructions/two"].remedies["gain"] == "arms.two.keep"


def test_arms_that_differ_in_their_share_form_a_curve() -> None:
    values = recipe_with({"half": {}, "quarter": {"keep": 0.25}, "all": {"filters": ["heuristics"]}})
    (curve,) = [one for one in series(parsed(values)) if ("half", 0.5) in one.arms]
    assert curve.arms == (("quarter", 0.25), ("half", 0.5), ("all", 1.0))


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            [("enhancement.alignment", {})],
            "enhancement.alignment: found nothing; it needs keep, at_most or at_least: without one it drops nothing",
        ),
        (
            [("enhancement.alignment", {"at_least": 1.0, "at_most": 0.5})],
            "enhancement.alignment.at_least: found 1.0; it must be below at_most, 0.5",
        ),
        (
            [("arms.x", ARM)],
            "arms.x.filters.1: found 'alignment'; enhancement.alignment is needed to apply it",
        ),
        (
            [("enhancement.alignment", {"keep": 0.5}), ("arms.self_training.measure", "gain")],
            "arms.self_training.measure: found 'gain'; it needs alignment among arms.self_training.filters",
        ),
        (
            [
                ("enhancement.alignment", {"keep": 0.5}),
                ("arms.x", ARM | {"filters": ["perplexity", "alignment"], "keep": 0.5}),
            ],
            "arms.x.keep: found 0.5; both perplexity and alignment are among arms.x.filters; remove one of them",
        ),
        (
            [("enhancement.alignment", {"keep": 0.5, "embedder": "embedder"}), ("arms.x", ARM)],
            "enhancement.alignment.embedder: found 'embedder'; only the measure similarity uses it, and no arm has it",
        ),
        (
            [
                ("curation.diversity", {"rule": "rouge_l"}),
                ("enhancement.alignment", {"keep": 0.5, "measure": "similarity"}),
                ("arms.x", ARM),
            ],
            "enhancement.alignment.embedder: found nothing; the measure similarity needs it, or "
            "curation.diversity.embedder; name a model",
        ),
    ],
)
def test_contradictions_are_named(changes: list[tuple[str, Any]], line: str) -> None:
    assert complaints(*changes) == [line]


def test_another_share_calls_no_model_and_another_measure_only_for_itself(own: tuple[Path, Path]) -> None:
    recipe, data = own
    asked = "+enhanced_instructions/aligned"

    def add(values: dict[str, Any]) -> None:
        values["enhancement"]["alignment"] = {"keep": 0.5}
        values["arms"]["aligned"] = {"methods": ["self_training"], "filters": ["alignment"]}

    edit(recipe, add)
    log, failures = build(recipe, data, asked)
    assert failures == []
    assert {asset for asset, calls in log.computed.items() if calls} == {"alignments/self_training"}
    gains = query(data, "SELECT * FROM alignments__self_training")
    kept = query(data, "SELECT id FROM enhanced_instructions__aligned").height
    assert (gains["measure"].unique().to_list(), kept) == (["gain"], len(gains) // 2)

    edit(recipe, lambda values: values["enhancement"].update(alignment={"keep": 1.0}))
    log, failures = build(recipe, data, asked)
    assert (failures, sum(log.computed.values())) == ([], 0)
    assert query(data, "SELECT id FROM enhanced_instructions__aligned").height == len(gains)

    edit(recipe, lambda values: values["arms"]["aligned"].update(measure="random"))
    log, failures = build(recipe, data, asked)
    assert (failures, sum(log.computed.values())) == ([], 0)
    assert query(data, "SELECT DISTINCT measure FROM alignments__self_training")["measure"].to_list() == ["random"]
