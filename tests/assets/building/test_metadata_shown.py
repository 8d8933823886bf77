"""Dagster plots the numbers of an asset over its runs and shows its tables. So the numbers that matter are there, a run
that computes nothing does not set the cost to zero, no result is left out, and no picture is cut off."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from assets.building.dagster_assets import group_shown
from assets.building.facts import facts_of
from assets.building.materialize import materialize
from assets.building.metadata import metadata_of
from assets.loading.bench import workbench
from assets.loading.file import load_recipe
from assets.openness.rules import Terms
from assets.planning.graph import steps
from assets.recipe.declarations import declarations
from resources.tools.tools import Tools
from tests.support.building import query
from tests.support.tiny import ROOT
from warehouse.results.checks import checked
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Checkpoint, Pair, Standing
from warehouse.store.published import Effort

STARTER = load_recipe(ROOT / "recipe.yaml")
STEPS = {step.asset: step for step in steps(STARTER)}
SOURCE = [("a" * 32, "call")]


def standings(arms: int) -> Result:
    gate = Gate(Standing, arms)
    numbers = {"low": 1.0, "high": 3.0, "items": 2, "seeds": 1, "over_low": -1.0, "over_high": 2.0, "p_value": 0.5}
    for place in range(arms):
        arm = "base" if place == 0 else f"filtered_extract_then_generate_{place}"
        for metric in ("meteor_exact_stem", "rouge_l"):
            row = {"arm": arm, "benchmark": "longform", "metric": metric, "unit": "%", "better": "higher"}
            compared = {"over_baseline": 0.5, "verdict": "within the noise"} if place else {}
            none = dict.fromkeys(("over_baseline", "over_low", "over_high", "p_value", "verdict"))
            own = numbers if place else {key: numbers[key] for key in ("low", "high", "items", "seeds")}
            gate.keep({**none, **row, "mean": 2.0 + place, **own, **compared}, [(f"{place:032x}", "score")])
    found = gate.result(notes={"baseline": "base"})
    return replace(found, incoming=len(found.decisions))


def test_a_leaderboard_is_shown_whole_with_its_scores_as_numbers() -> None:
    facts = facts_of(standings(5), STEPS["leaderboard"])
    shown = metadata_of(facts, Effort(), "built")
    assert len(shown["sample"].records) == 10
    assert shown["longform rouge_l of filtered_extract_then_generate_4 (%)"] == 6.0
    assert shown["kept share"] == 1.0


def test_nothing_of_a_picture_is_cut_off() -> None:
    facts = facts_of(standings(3), STEPS["leaderboard"])
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(facts["plot"]))).convert("L"))
    for edge in (picture[0], picture[-1], picture[:, 0], picture[:, -1]):
        assert edge.min() == 255


def test_the_last_loss_of_each_seed_is_a_number() -> None:
    gate = Gate(Checkpoint, 1)
    row = {"name": "x", "seed": 7, "base": "b" * 32, "training": "c" * 32, "weights": "d" * 64, "examples": 1}
    gate.keep({**row, "losses": [2.0, 1.5]}, SOURCE)
    facts = facts_of(gate.result(), STEPS["students/self_training"])
    assert metadata_of(facts, Effort(), "built")["last loss, seed 7"] == 1.5


def test_quarantined_rows_are_shown_with_what_is_wrong() -> None:
    gate = Gate(Pair, 2)
    row = {"method": "m", "level": "", "instruction": "ask", "input": "", "response": "say"}
    gate.keep(row, SOURCE)
    gate.keep({**row, "response": ""}, SOURCE)
    shown = metadata_of(facts_of(checked(gate.result()), STEPS["raw_self_training"]), Effort(), "built")
    (record,) = [one.data for one in shown["quarantined rows"].records]
    assert record["reason"].startswith("response breaks ")
    assert '"instruction":"ask"' in record["content"]
    assert shown["kept share"] == 0.5


def test_a_run_that_computes_nothing_keeps_the_cost_of_the_version(own: tuple[Path, Path]) -> None:
    recipe = load_recipe(own[0])
    bench, terms = workbench(recipe, own[1], own[0].parent), _terms(recipe)
    step = next(step for step in steps(recipe) if step.asset == "raw_self_training")
    publication = materialize(step, Tools(bench), recipe.retries, terms)
    assert (publication.action, publication.effort.computed) == ("unchanged", 0)
    shown = metadata_of(publication.facts, publication.cost, publication.action)
    ((computed, tokens, seconds),) = query(
        own[1],
        "SELECT computed, tokens, seconds FROM lineage.materializations "
        "WHERE asset = 'raw_self_training' AND action = 'built'",
    ).rows()
    assert (shown["model calls computed"], shown["tokens"]) == (computed, tokens)
    assert computed == 12
    assert shown["seconds"] == round(seconds, 1)
    assert "tokens per second" not in shown


def _terms(recipe: object) -> Terms:
    return declarations(recipe)[2]  # type: ignore[arg-type]


def test_groups_are_in_pipeline_order_with_nodes_that_show_other_names() -> None:
    shown = {asset: group_shown(step) for asset, step in STEPS.items()}
    assert list(dict.fromkeys(sorted(shown.values()))) == [
        "1_sources",
        "2_generation",
        "3_alignments",
        "3_enhanced_instructions",
        "3_enhancement",
        "4_diverse_instructions",
        "4_instruction_embeddings",
        "4_quality",
        "4_training_sets",
        "5_students",
        "6_evaluation",
        "6_predictions_longform",
        "6_scores_longform",
    ]
    assert {group for asset, group in shown.items() if asset.startswith("raw_")} == {"2_generation"}
    nodes = [(group, asset.split("/")[-1]) for asset, group in shown.items()]
    assert len(set(nodes)) == len(nodes)
