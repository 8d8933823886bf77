"""A model that answers many tasks with one text fills a training set with it, since diversity looks at instructions
alone. These tests check which pairs count as equal, and that the pair named by a duplicate is one that was kept."""

from __future__ import annotations

import polars as pl

from assets.enhancement.filtering import decide, step
from assets.generation.method import methods
from assets.planning.graph import steps
from assets.recipe.filters import EqualResponses, Heuristics, PerplexityFilter
from tests.support.measured import pair, perplexities
from tests.support.recipes import parsed, put, starter
from warehouse.results.result import Result

LONG, SAME = "I do not know what to say here.", "i do NOT know -- what to say here"
RULES = Heuristics(instruction_words=(1, 9), response_words=(1, 99), copied_words=1)


def decided(*pairs: dict[str, str], rules: Heuristics = RULES, sharing: tuple[str, ...] = ()) -> Result:
    return decide({"self_training": pl.DataFrame(pairs)}, {}, rules, None, None, sharing)


def test_of_equal_responses_the_first_is_kept_and_the_others_name_it() -> None:
    result = decided(
        pair(0, response=LONG), pair(1, response=SAME), pair(2, response="Something else is said here now.")
    )
    assert result.kept["id"].to_list() == [pair(0)["id"], pair(2)["id"]]
    assert result.decisions.filter(pl.col("outcome") == "duplicate").select(
        "record", "reason", "duplicate_of"
    ).rows() == [(pair(1)["id"], "equal response", pair(0)["id"])]


def test_short_responses_may_repeat_and_both_numbers_can_be_set() -> None:
    labels = [pair(number, response="Positive") for number in range(3)]
    assert decided(*labels).counts() == {("kept", ""): 3}
    strict = RULES.model_copy(update={"equal_responses": EqualResponses(most=2, words=0)})
    assert decided(*labels, rules=strict).counts() == {("kept", ""): 2, ("duplicate", "equal response"): 1}
    five, six = "one two three four five", "one two three four five six"
    assert decided(pair(0, response=five), pair(1, response=five)).counts() == {("kept", ""): 2}
    assert decided(pair(0, response=six), pair(1, response=six)).counts()[("duplicate", "equal response")] == 1


def test_without_heuristics_and_for_methods_that_share_responses_nothing_is_dropped() -> None:
    pairs = [pair(0, response=LONG), pair(1, response=LONG)]
    assert decide({"self_training": pl.DataFrame(pairs)}, {}, None, None).counts() == {("kept", ""): 2}
    assert decided(*pairs, sharing=("self_training",)).counts() == {("kept", ""): 2}


def test_a_pair_that_the_perplexity_drops_makes_no_other_a_duplicate() -> None:
    pairs = [pair(number, response=LONG) for number in range(3)]
    measured = {"self_training": perplexities({0: 9.0, 1: 2.0, 2: 3.0})}
    result = decide({"self_training": pl.DataFrame(pairs)}, measured, RULES, PerplexityFilter(keep=0.67))
    assert result.kept["id"].to_list() == [pair(1)["id"]]
    assert result.decisions.filter(pl.col("outcome") == "duplicate")["duplicate_of"].to_list() == [pair(1)["id"]]
    assert set(result.counts()) == {("kept", ""), ("rejected", "perplexity"), ("duplicate", "equal response")}


def test_methods_that_write_instructions_for_given_texts_share_responses() -> None:
    sharing = {name for name, method in methods().items() if method.shares_responses}
    assert sharing == {
        "back_translation",
        "extract_then_generate",
        "instruction_generation",
        "reverse_instructions",
        "shuffled_instructions",
        "unnatural_instructions",
    }


def test_the_graph_passes_on_which_methods_of_an_arm_share_responses() -> None:
    slices = {one.asset: one.slice for one in steps(parsed(starter()))}
    shared = {
        arm: slices[f"enhanced_instructions/{arm}"].get(f"arms.{arm}.methods that share responses")
        for arm in ("self_training", "instruction_generation")
    }
    assert shared == {"self_training": None, "instruction_generation": ["instruction_generation"]}


def test_the_default_is_in_no_slice_and_another_value_is() -> None:
    plain = parsed(starter())
    changed = parsed(put(starter(), "enhancement.heuristics.equal_responses", {"most": 3}))
    keys = [
        step(recipe, "self_training", recipe.arms["self_training"]).slice["enhancement.heuristics"]
        for recipe in (plain, changed)
    ]
    assert [key.get("equal_responses") for key in keys] == [None, {"most": 3, "words": 5}]
    assert "unwanted" not in keys[0]
