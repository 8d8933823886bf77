"""A method that draws until its arms have their rows changes its own part of the graph and nothing else. Its plan must
bound what a build costs, and count no call twice, although the same assets are built in rounds and then for good."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from assets.loading.file import load_recipe
from assets.planning.estimate import estimate
from assets.planning.graph import steps
from assets.planning.planned import Certainty
from assets.recipe.types import Recipe
from assets.steps.step import Most
from slingshot import app
from tests.support.building import build, edit, planned, query, store
from tests.support.recipes import parsed, starter
from warehouse.audit.integrity import integrity

UNTIL = {"until": "accepted", "at_most": 600}
ARM = "instruction_generation"


def drawing(*methods: str, **arms: list[str]) -> Recipe:
    """The starter where `methods` draw, with more `arms` of these methods."""
    values = starter()
    for name in methods:
        values["generation"][name] |= UNTIL | ({"at_most": 80} if name == "self_training" else {})
    values["arms"] |= {name: {"methods": of, "filters": ["heuristics"]} for name, of in arms.items()}
    return parsed(values)


def versions(recipe: Recipe) -> dict[str, str]:
    return {step.asset: step.recipe_and_code for step in steps(recipe)}


def reads(recipe: Recipe) -> dict[str, set[str]]:
    return {step.asset: set(step.inputs.values()) for step in steps(recipe)}


def test_only_what_reads_the_documents_for_a_method_reads_what_it_draws() -> None:
    before, after = reads(parsed(starter())), reads(drawing(ARM, "extract_then_generate"))
    changed = {asset: after[asset] for asset in after if after[asset] != before.get(asset)}
    assert changed == {
        "document_supply": {"benchmark_items"},
        f"drawn/{ARM}": {"document_supply", "backward_model", "benchmark_items"},
        "drawn/extract_then_generate": {"document_supply", "backward_model", "benchmark_items"},
        f"raw_{ARM}": {f"drawn/{ARM}", "backward_model"},
        "fragments": {"drawn/extract_then_generate"},
        "raw_extract_then_generate": {"fragments", "drawn/extract_then_generate", "backward_model"},
    }
    old, new = versions(parsed(starter())), versions(drawing(ARM, "extract_then_generate"))
    assert {asset for asset in old if new[asset] != old[asset]} == set()


def test_the_steps_come_after_those_that_they_read() -> None:
    seen: set[str] = set()
    for step in steps(drawing(ARM, "extract_then_generate", "self_training", both=[ARM, "self_training"])):
        assert set(step.inputs.values()) <= seen
        seen.add(step.asset)


def test_a_method_that_draws_seed_tasks_needs_no_supply_of_documents() -> None:
    after = reads(drawing("self_training"))
    assert "document_supply" not in after
    assert after["drawn/self_training"] == {"seed_tasks", "benchmark_items"}
    assert after["raw_self_training"] == {"drawn/self_training"}


def test_a_method_without_a_backward_model_draws_documents_too() -> None:
    values = starter()
    settings = {"instruction": {"max_new_tokens": 24, "temperature": 1.0}, "candidates": 3, **UNTIL}
    values["generation"]["reverse_instructions"] = settings
    values["arms"]["reverse"] = {"methods": ["reverse_instructions"], "filters": ["heuristics"]}
    found = {step.asset: step for step in steps(parsed(values))}
    assert set(found["drawn/reverse_instructions"].inputs.values()) == {"document_supply", "benchmark_items"}
    assert found["raw_reverse_instructions"].inputs == {"documents": "drawn/reverse_instructions"}
    # Three candidates for each of 600 documents, with two losses each.
    assert found["raw_reverse_instructions"].most == Most(rows=600, calls=600 * 3 * 3, by_row=True)


def test_a_variant_draws_for_itself() -> None:
    values = starter()
    settings = {"method": ARM, "instruction": {"max_new_tokens": 24, "temperature": 1.0}, **UNTIL}
    values["generation"]["variants"] = {
        "again": settings,
        "greedy": {"method": "self_training", "count": 40}
        | {"response": {"max_new_tokens": 24}, "until": "accepted", "at_most": 80},
    }
    values["arms"]["again"] = {"methods": ["again", "greedy"], "filters": ["heuristics"]}
    found = {step.asset: step for step in steps(parsed(values))}
    assert found["raw_again"].inputs == {"documents": "drawn/again", "backward_model": "backward_model"}
    assert found[f"raw_{ARM}"].inputs == {"documents": "documents", "backward_model": "backward_model"}
    assert found["raw_greedy"].inputs == {"seed_tasks": "drawn/greedy"}
    rounds = found["drawn/again"].rounds
    assert rounds is not None
    assert rounds.most == {"drawn/again": ("document_supply", 600), "drawn/greedy": ("seed_tasks", 80)}


def test_methods_that_share_an_arm_draw_together_and_others_alone() -> None:
    found = {step.asset: step for step in steps(drawing(ARM, "extract_then_generate", "self_training"))}
    alone = found[f"drawn/{ARM}"].rounds
    assert alone is not None
    assert (alone.most, alone.times) == ({f"drawn/{ARM}": ("document_supply", 600)}, 5)
    assert [step.asset for step in alone.inner] == [
        f"raw_{ARM}",
        f"instruction_embeddings/{ARM}",
        f"enhanced_instructions/{ARM}",
        f"diverse_instructions/{ARM}",
        f"training_sets/{ARM}",
    ]
    shared = drawing(ARM, "self_training", both=[ARM, "self_training"])
    found = {step.asset: step for step in steps(shared)}
    first, second = found[f"drawn/{ARM}"].rounds, found["drawn/self_training"].rounds
    assert first is not None
    assert first == second
    assert first.most == {f"drawn/{ARM}": ("document_supply", 600), "drawn/self_training": ("seed_tasks", 80)}
    assert {"training_sets/both", f"training_sets/{ARM}", "training_sets/self_training"} <= {
        step.asset for step in first.inner
    }


def test_the_largest_of_at_most_is_in_the_supply_and_each_method_has_its_own() -> None:
    values = starter()
    values["generation"][ARM] |= UNTIL
    values["generation"]["extract_then_generate"] |= UNTIL | {"at_most": 900}
    found = {step.asset: step for step in steps(parsed(values))}
    assert {asset: step.most and step.most.rows for asset, step in found.items() if "document_supply" in asset} == {
        "document_supply": 900
    }
    assert {asset: step.most and step.most.rows for asset, step in found.items() if asset.startswith("drawn/")} == {
        f"drawn/{ARM}": 600,
        "drawn/extract_then_generate": 900,
    }


def test_at_most_is_no_part_of_the_versions_of_what_is_drawn_for() -> None:
    values = starter()
    values["generation"][ARM] |= UNTIL
    before = versions(parsed(values))
    values["generation"][ARM]["at_most"] = 601
    after = versions(parsed(values))
    assert {asset for asset in before if before[asset] != after[asset]} == {"document_supply", f"drawn/{ARM}"}


def test_a_filter_of_an_arm_makes_what_is_drawn_stale() -> None:
    values = starter()
    values["generation"][ARM] |= UNTIL
    before = versions(parsed(values))
    values["enhancement"]["heuristics"]["instruction_words"] = [4, 40]
    after = versions(parsed(values))
    assert before[f"drawn/{ARM}"] != after[f"drawn/{ARM}"]
    values["enhancement"]["perplexity"]["keep"] = 0.5
    assert versions(parsed(values))[f"drawn/{ARM}"] == after[f"drawn/{ARM}"]


def test_pairs_that_depend_on_all_others_are_bounded_by_the_calls_of_every_round() -> None:
    """Each round exchanges other instructions, and so has other pairs to measure."""
    values = starter()
    values["generation"][ARM] |= UNTIL
    values["generation"]["shuffled_instructions"] = {"of": ARM}
    values["arms"]["shuffled"] = {"methods": ["shuffled_instructions"], "filters": ["perplexity"]}
    (rounds,) = (step.rounds for step in steps(parsed(values)) if step.rounds)
    assert rounds.renewed == {
        "raw_shuffled_instructions",
        "perplexities/shuffled_instructions",
        "enhanced_instructions/shuffled",
        "diverse_instructions/shuffled",
        "training_sets/shuffled",
    }
    assert rounds.times == 5


def quick(recipe: dict[str, Any]) -> None:
    """Arms of one method that draws seed tasks and one that draws documents."""
    for name in ("self_instruct", "filtered_extract_then_generate"):
        del recipe["arms"][name]
    for name in ("self_instruct", "extract_then_generate"):
        del recipe["generation"][name]
    recipe["enhancement"]["heuristics"]["instruction_words"] = [2, 16]
    recipe["seed_tasks"][0]["count"] = 40
    recipe["generation"]["self_training"] |= {"count": 8, "until": "accepted", "at_most": 40}
    recipe["generation"][ARM] |= {"until": "accepted", "at_most": 36}
    recipe["curation"] = {"rows": 14}
    for arm in recipe["arms"].values():
        arm["filters"] = ["heuristics"]


SETS = f'+key:"training_sets/{ARM}" or +key:"training_sets/self_training"'


@pytest.fixture
def recipe(tiny: Path) -> Path:
    edit(tiny, quick)
    return tiny


def test_a_build_costs_at_most_what_its_plan_says_and_makes_no_call_twice(recipe: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    plan = planned(recipe, data, selection=SETS)
    calls = {asset: one.calls for asset, one in plan.items() if one.calls != 0}
    assert calls == {"backward_model": 1, f"drawn/{ARM}": 36, "drawn/self_training": 40}
    assert {plan[asset].certainty for asset in calls if asset.startswith("drawn/")} == {Certainty.BOUNDED}
    log, failures = build(recipe, data, SETS)
    assert failures == []
    computed = {asset: count for asset, count in log.computed.items() if count}
    assert computed.keys() == calls.keys()
    assert all(computed[asset] <= (bound or 0) for asset, bound in calls.items())
    sizes = "SELECT asset, count(*) FROM lineage.outcomes WHERE outcome = 'kept' AND asset LIKE 'training_sets/%'"
    assert query(data, f"{sizes} GROUP BY asset ORDER BY asset").rows() == [
        (f"training_sets/{ARM}", 14),
        ("training_sets/self_training", 14),
    ]
    assert {one.state for one in planned(recipe, data, selection=SETS).values()} == {"fresh"}
    assert integrity(store(data).database) == []

    # With everything stored, a plan knows how many rounds there are, and a higher bound changes no row.
    edit(recipe, lambda values: values["generation"][ARM].update(at_most=50))
    plan = planned(recipe, data, selection=SETS)
    changed = {asset: (one.state, one.calls, one.same_content) for asset, one in plan.items() if one.state != "fresh"}
    assert changed == {"document_supply": ("stale", 0, False), f"drawn/{ARM}": ("stale", 0, True)}
    log, failures = build(recipe, data, SETS)
    assert failures == []
    assert {asset for asset, action in log.actions.items() if action == "built"} == {"document_supply", f"drawn/{ARM}"}
    assert set(log.computed.values()) == {0}


def test_the_calls_for_exchanged_instructions_stay_within_the_plan(recipe: Path, tmp_path: Path) -> None:
    """Their losses are computed again in each round: 36 texts, and 36 pairs in each of three rounds."""

    def change(values: dict[str, Any]) -> None:
        values["generation"]["shuffled_instructions"] = {"of": ARM}
        values["arms"] = {"shuffled": {"methods": ["shuffled_instructions"], "filters": ["perplexity"]}}
        del values["generation"]["self_training"]

    edit(recipe, change)
    (data, selection), asset = (tmp_path / "data", '+key:"training_sets/shuffled"'), f"drawn/{ARM}"
    most = planned(recipe, data, selection=selection)[asset].calls
    assert most == 36 + 3 * 36
    log, failures = build(recipe, data, selection)
    assert failures == []
    rounds = query(data, f"SELECT max(score) FROM lineage.outcomes WHERE asset = '{asset}'").item()
    assert rounds == 3
    assert 36 + 36 < log.computed[asset] <= most
    assert (log.computed["raw_shuffled_instructions"], log.computed["perplexities/shuffled_instructions"]) == (0, 0)


def test_the_first_round_has_the_rows_of_a_build_without_rounds(recipe: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"

    def without(values: dict[str, Any]) -> None:
        for name in ("self_training", ARM):
            for key in ("until", "at_most"):
                del values["generation"][name][key]
        values["curation"]["rows"] = 4

    until = recipe.read_text()
    edit(recipe, without)
    build(recipe, data, SETS)
    rows = f"SELECT record FROM lineage.outcomes WHERE asset IN ('raw_{ARM}', 'raw_self_training') ORDER BY record"
    before = query(data, rows)
    recipe.write_text(until)
    edit(recipe, lambda values: values["curation"].update(rows=4))
    log, failures = build(recipe, data, SETS)
    assert failures == []
    assert set(log.computed.values()) == {0}
    assert query(data, rows).equals(before)
    edit(recipe, lambda values: values["curation"].update(rows=14))
    build(recipe, data, SETS)
    assert set(query(data, rows)["record"]) > set(before["record"])


def test_an_arm_that_lacks_rows_at_the_end_says_so_with_its_reasons(recipe: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    edit(recipe, lambda values: values["arms"][ARM].update(rows=36))
    log, failures = build(recipe, data, SETS)
    (failure,) = failures
    made = "SELECT count(*) FROM lineage.outcomes WHERE outcome = 'kept' AND asset ="
    ((left,),) = query(data, f"{made} 'enhanced_instructions/{ARM}'").rows()
    assert failure.asset == f"training_sets/{ARM}"
    assert failure.message.startswith(
        f"arm '{ARM}' has {left} pairs, arms.{ARM}.rows asks for 36: {36 - left} are missing; removed were: "
    )
    assert "'instruction too long' (enhancement.heuristics.instruction_words)" in failure.message
    assert failure.message.endswith(
        f"; all that generation.{ARM}.at_most and the sources allow was drawn: raise this, loosen a filter, or lower "
        "the size"
    )
    assert query(data, f"{made} 'drawn/{ARM}'").rows() == [(36,)]
    assert planned(recipe, data, selection=SETS)[f"training_sets/{ARM}"].error == failure.message
    assert log.actions["training_sets/self_training"] == "built"


def test_a_bound_that_is_too_low_is_seen_before_any_call(recipe: Path, tmp_path: Path) -> None:
    edit(recipe, lambda values: values["generation"]["self_training"].update(at_most=12))
    error = planned(recipe, tmp_path / "data", selection=SETS)["training_sets/self_training"].error
    assert error is not None
    assert error.startswith("arm 'self_training' has at most 12 pairs, curation.rows asks for 14: 2 are missing; all ")


def test_a_killed_rest_is_planned_with_what_is_in_the_memo(recipe: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    edit(recipe, lambda values: values["generation"][ARM].update(at_most=12))
    build(recipe, data, SETS)
    edit(recipe, lambda values: values["generation"][ARM].update(at_most=36))
    plan = planned(recipe, data, selection=SETS)
    assert (plan[f"drawn/{ARM}"].calls, plan[f"drawn/{ARM}"].from_memo) == (24, 12)
    assert (plan[f"raw_{ARM}"].calls, plan[f"raw_{ARM}"].most_rows) == (0, 36)


def test_the_estimate_has_the_cost_of_each_stage_once(recipe: Path, tmp_path: Path) -> None:
    edit(recipe, lambda values: values["arms"][ARM].update(filters=["heuristics", "perplexity"]))
    found, plan = steps(load_recipe(recipe)), planned(recipe, tmp_path / "data")
    stages = {one.name: one for one in estimate(found, [plan[step.asset] for step in found])}
    assert (stages["generation"].completions, stages["generation"].tokens) == (36 + 40, 24 * (36 + 40))
    assert stages["enhancement"].losses == 36
    slingshot = CliRunner(env={"SLINGSHOT_RECIPE": str(recipe), "SLINGSHOT_WAREHOUSE": str(tmp_path / "data")})
    shown = slingshot.invoke(app, ["check", "--cost"])
    assert (shown.exit_code, "a build would fail" in shown.output) == (0, False)
    as_json = json.loads(slingshot.invoke(app, ["plan", "--json"]).stdout)
    (drawn,) = (one for one in as_json if one["asset"] == f"drawn/{ARM}")
    assert (drawn["most_rows"], drawn["calls"]) == (36, 72)
    assert {one["asset"]: one["calls"] for one in drawn["inner"] if one["calls"]} == {
        f"raw_{ARM}": 36,
        f"perplexities/{ARM}": 36,
    }
