"""MinHash only proposes pairs of texts. If it missed one, a near duplicate would be trained on twice; if a proposal was
not counted exactly, a text that merely resembles another would be lost."""

from __future__ import annotations

import random
from collections.abc import Sequence

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.curation.diversity import RULES
from assets.curation.rule import Nearest
from assets.curation.rules.minhash import HASHES, MISSED, bands, near_duplicates
from assets.loading.whole import FullDiversity
from warehouse.core.identity import digest

BASIL, NOW = "crush the basil well", "crush the basil now"


def kept(found: Sequence[Nearest]) -> list[int]:
    return [row for row, one in enumerate(found) if one.kept]


def runs_of(text: str, words: int) -> set[tuple[str, ...]]:
    found = text.split()
    return {tuple(found[start : start + words]) for start in range(len(found) - words + 1)} or {tuple(found)} - {()}


def kept_by_brute_force(texts: Sequence[str], order: Sequence[int], threshold: float, words: int) -> list[int]:
    sets, left = [runs_of(text, words) for text in texts], list[int]()
    for row in order:
        others = (sets[other] for other in left)
        if all(len(sets[row] & other) < threshold * max(1, len(sets[row] | other)) for other in others):
            left.append(row)
    return sorted(left)


@pytest.mark.parametrize(("threshold", "left"), [(0.49, [0]), (0.5, [0]), (0.51, [0, 1])])
def test_two_of_four_runs_are_a_half_and_a_row_at_the_threshold_is_dropped(threshold: float, left: list[int]) -> None:
    found = near_duplicates([BASIL, NOW], [0, 1], threshold, 2)
    assert kept(found) == left
    assert (found[1].index, found[1].similarity) == (0, 0.5)


def test_the_row_that_comes_first_in_the_order_is_kept() -> None:
    assert kept(near_duplicates([BASIL, NOW], [1, 0], 0.5, 2)) == [1]


def test_case_and_punctuation_do_not_count_and_a_short_text_is_one_run() -> None:
    texts = ["Yes, it is!", "yes it is", "no it is", "...", "!"]
    assert kept(near_duplicates(texts, range(5), 0.8, 5)) == [0, 2, 3, 4]
    assert near_duplicates([], [], 0.8, 5) == []


@settings(deadline=None, max_examples=60)
@given(
    texts=st.lists(st.lists(st.sampled_from("abcd"), max_size=8).map(" ".join), max_size=12),
    threshold=st.sampled_from([0.3, 0.5, 0.8, 1.0]),
    data=st.data(),
)
def test_the_rule_equals_a_brute_force_search_on_short_texts(
    texts: list[str], threshold: float, data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(texts))))
    assert kept(near_duplicates(texts, order, threshold, 2)) == kept_by_brute_force(texts, order, threshold, 2)


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.8])
def test_the_rule_equals_a_brute_force_search_on_a_thousand_texts(threshold: float) -> None:
    draw = random.Random(3)
    words = [f"w{number}" for number in range(2000)]
    texts = [" ".join(draw.choices(words, k=draw.randint(20, 60))) for _ in range(700)]
    for _ in range(300):
        copied = draw.choice(texts).split()
        for _ in range(draw.randint(0, 5)):
            copied[draw.randrange(len(copied))] = draw.choice(words)
        texts.append(" ".join(copied))
    order = draw.sample(range(1000), 1000)
    assert kept(near_duplicates(texts, order, threshold, 3)) == kept_by_brute_force(texts, order, threshold, 3)


@pytest.mark.parametrize("threshold", [0.1, 0.25, 0.5, 0.8, 0.9, 1.0])
def test_the_bands_miss_at_most_one_pair_in_ten_thousand(threshold: float) -> None:
    count = bands(threshold)
    assert (1 - threshold ** (HASHES // count)) ** count <= MISSED
    assert count == 1 or (1 - threshold ** (2 * HASHES // count)) ** (count // 2) > MISSED


@pytest.mark.parametrize(("of", "left"), [("instruction", [0, 2]), ("response", [0, 1]), ("pair", [0, 1, 2])], ids=str)
def test_instructions_responses_or_both_are_compared(of: str, left: list[int]) -> None:
    said = [("name a red fish", "It is a tuna."), ("name a red fish", "Try a cod."), ("why is it so", "It is a tuna.")]
    rows = [
        {"id": digest([number]), "method": "m", "level": "", "instruction": one, "input": "", "response": other}
        for number, (one, other) in enumerate(said)
    ]
    found = RULES["minhash"].diversify(
        pl.DataFrame(rows), None, None, FullDiversity(rule="minhash", jaccard=0.9, run=2, of=of)
    )
    assert found.kept["id"].to_list() == [rows[row]["id"] for row in left]
