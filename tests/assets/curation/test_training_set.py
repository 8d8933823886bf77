"""A study compares arms: variants of the training data. The comparison is fair only if every training set is sampled in
the same way and the student has not seen the benchmark. These tests check the exact number of sampled rows and that
pairs with benchmark text are rejected."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.curation.decontamination import BenchmarkTexts
from assets.curation.training_set import Budget
from assets.curation.training_set import take as take_within
from assets.planning.graph import steps
from tests.support.recipes import parsed, starter
from warehouse.core.errors import UserError
from warehouse.core.identity import digest
from warehouse.results.result import Check, Result
from warehouse.schema.records import Pair, empty

NO_ITEMS = pl.DataFrame(schema=dict.fromkeys(["id", "instruction", "input", "reference"], pl.String))
ITEMS = pl.DataFrame(
    {
        "id": [digest("item")],
        "instruction": ["How do I make Pesto?"],
        "input": [""],
        "reference": ["Crush the basil with salt; add oil slowly."],
    }
)


def take(arm: str, pairs: pl.DataFrame, items: pl.DataFrame, rows: int, seed: int) -> Result:
    return take_within(arm, pairs, BenchmarkTexts(items), Budget(rows), seed)


def pair(number: int, **says: str) -> dict[str, Any]:
    content = {"method": "m", "level": "", "instruction": f"What is {number}?", "input": "", "response": "A number."}
    return {"id": digest(["pair", number]), **content, **says}


def pairs(count: int, *more: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame([*(pair(number) for number in range(count)), *more], schema=empty(Pair).schema)


def test_a_training_set_has_exactly_the_requested_rows() -> None:
    result = take("some_arm", pairs(5), NO_ITEMS, 3, 7)
    drawn = result.kept["id"].to_list()
    assert len(drawn) == 3
    assert result.decisions.select("outcome", "reason", "score", "cut").rows() == [
        *[("kept", None, None, None)] * 3,
        ("rejected", "beyond the budget", 4.0, 3.0),
        ("rejected", "beyond the budget", 5.0, 3.0),
    ]
    assert sorted(result.decisions["record"]) == sorted(pairs(5)["id"])
    assert drawn == [pair(number)["id"] for number in (2, 1, 4)]


def test_sampling_depends_on_texts_and_not_on_ids() -> None:
    """Pair ids depend on checkpoint weights, whose last bits differ between processors."""
    others = pairs(5).with_columns(id=pl.col("instruction").map_elements(lambda text: digest(["other", text])))
    drawn = [take("some_arm", found, NO_ITEMS, 3, 7).kept["instruction"].to_list() for found in (pairs(5), others)]
    assert drawn[0] == drawn[1]


def test_an_arm_with_its_own_draw_takes_other_pairs_and_a_smaller_budget_still_takes_the_first_of_them() -> None:
    def own(arm: str, rows: int) -> list[str]:
        taken = take_within(arm, pairs(40), BenchmarkTexts(NO_ITEMS), Budget(rows), 7, own_draw=True)
        return taken.kept["id"].to_list()

    shared = [take(arm, pairs(40), NO_ITEMS, 20, 7).kept["id"].to_list() for arm in ("one", "other")]
    assert shared[0] == shared[1]
    one, other = set(own("one", 20)), set(own("other", 20))
    # 20 of 40 rows, drawn twice, have 10 in common by chance.
    assert [len(one & other), len(one & set(shared[0])), len(other & set(shared[0]))] == [11, 10, 11]
    assert own("one", 5) == own("one", 20)[:5]


def test_a_training_set_of_all_pairs_drops_none() -> None:
    result = take("some_arm", pairs(5), NO_ITEMS, 5, 7)
    assert sorted(result.kept["id"]) == sorted(pairs(5)["id"])
    assert result.counts() == {("kept", ""): 5}


@pytest.mark.parametrize(
    ("there", "message"),
    [
        (
            61,
            "arm 'some_arm' has 61 pairs, curation.rows asks for 64: 3 are missing; "
            "generate more, loosen a filter, or lower curation.rows",
        ),
        (
            0,
            "arm 'some_arm' has 0 pairs, curation.rows asks for 64: 64 are missing; "
            "generate more, loosen a filter, or lower curation.rows",
        ),
    ],
)
def test_the_error_for_too_few_pairs_says_how_many_are_missing_and_what_to_do(there: int, message: str) -> None:
    with pytest.raises(UserError) as caught:
        take("some_arm", pairs(there), NO_ITEMS, 64, 7)
    assert str(caught.value) == message


def test_a_budget_below_the_first_response_is_an_error() -> None:
    budget = Budget(5, "curation.response_tokens", "response tokens", lambda responses: [9] * len(responses))
    with pytest.raises(UserError) as caught:
        take_within("some_arm", pairs(3), BenchmarkTexts(NO_ITEMS), budget, 7)
    assert str(caught.value) == (
        "arm 'some_arm' would have no pair: the first has 9 response tokens, but curation.response_tokens allows "
        "5 in all; raise curation.response_tokens, or lower enhancement.heuristics.response_words"
    )


def test_a_plan_reports_an_arm_that_cannot_have_enough_pairs() -> None:
    (step,) = [one for one in steps(parsed(starter())) if one.asset == "training_sets/self_training"]
    assert step.too_few is not None
    assert step.too_few(64) is None
    assert str(step.too_few(61)) == (
        "arm 'self_training' has at most 61 pairs, curation.rows asks for 64: 3 are missing; "
        "generate more, loosen a filter, or lower curation.rows"
    )


@settings(deadline=None)
@given(order=st.permutations(range(8)), rows=st.integers(1, 8), seed=st.integers())
def test_the_sample_does_not_depend_on_the_order_of_pairs(order: list[int], rows: int, seed: int) -> None:
    one, other = (take("some_arm", frame, NO_ITEMS, rows, seed) for frame in (pairs(8), pairs(8)[order]))
    assert one.kept.equals(other.kept)
    assert one.decisions.equals(other.decisions)


@settings(deadline=None)
@given(rows=st.integers(1, 7), seed=st.integers())
def test_a_sample_with_one_more_row_contains_the_smaller_sample(rows: int, seed: int) -> None:
    fewer, more = (take("some_arm", pairs(8), NO_ITEMS, count, seed).kept["id"].to_list() for count in (rows, rows + 1))
    assert more[:rows] == fewer


def test_arms_with_the_same_pairs_get_the_same_sample() -> None:
    assert take("one", pairs(8), NO_ITEMS, 4, 7).kept.equals(take("other", pairs(8), NO_ITEMS, 4, 7).kept)
    assert not take("one", pairs(8), NO_ITEMS, 4, 7).kept.equals(take("one", pairs(8), NO_ITEMS, 4, 8).kept)


LEAKING = [
    pair(8, instruction="how do I make PESTO"),
    pair(9, response="Crush the basil with salt, add oil slowly"),
    # A model may copy a benchmark question into a response, or a reference answer into an instruction.
    pair(10, response="How do I make pesto?"),
    pair(11, instruction="crush the basil with salt -- add oil slowly"),
]


@pytest.mark.parametrize("leaking", LEAKING, ids=["instruction", "reference", "asked in answer", "answered in ask"])
def test_a_pair_with_benchmark_text_is_rejected_and_other_pairs_fill_the_budget(
    leaking: dict[str, Any],
) -> None:
    result = take("some_arm", pairs(4, leaking), ITEMS, 4, 7)
    assert sorted(result.kept["id"]) == sorted(pairs(4)["id"])
    assert result.decisions.filter(outcome="rejected").select("record", "reason", "score", "cut").rows() == [
        (leaking["id"], "text of a benchmark item", None, None)
    ]
    assert result.checks == (Check("leakage", True, {"rows": 4, "benchmark items": 1, "rows that hold text of it": 0}),)
    assert result.incoming == 5


def test_longer_text_or_benchmark_text_in_the_input_is_not_rejected() -> None:
    near = pair(8, instruction="How do I make Pesto at home?", input="How do I make Pesto?")
    result = take("some_arm", pairs(2, near), ITEMS, 3, 7)
    assert result.counts() == {("kept", ""): 3}


def test_pairs_rejected_for_leakage_do_not_change_the_rest_of_the_sample() -> None:
    with_leaks = take("some_arm", pairs(8, *LEAKING), ITEMS, 4, 7)
    assert with_leaks.kept.equals(take("some_arm", pairs(8), ITEMS, 4, 7).kept)


def test_the_leakage_check_fails_if_rejection_misses_a_pair() -> None:
    found = BenchmarkTexts.overlaps
    blind = iter([{}])
    with patch.object(
        BenchmarkTexts, "overlaps", lambda *said: found(*said) if (none := next(blind, None)) is None else none
    ):
        (check,) = take("some_arm", pairs(2, LEAKING[0]), ITEMS, 3, 7).checks
    assert check == Check("leakage", False, {"rows": 3, "benchmark items": 1, "rows that hold text of it": 1})


def test_the_error_for_too_few_pairs_says_how_many_contain_benchmark_text() -> None:
    with pytest.raises(UserError) as caught:
        take("some_arm", pairs(2, *LEAKING), ITEMS, 3, 7)
    assert str(caught.value) == (
        "arm 'some_arm' has 2 pairs, curation.rows asks for 3: 1 are missing; removed were: "
        "4 'text of a benchmark item' (benchmark_items); generate more, loosen a filter, or lower curation.rows"
    )
