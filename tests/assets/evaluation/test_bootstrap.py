"""The bootstrap decides whether a trained variant counts as better than the baseline, so its error rates must be what
it claims. These tests run it on simulated studies with a known true difference, and check the results that can be
known exactly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.evaluation.bootstrap import Bootstrap, difference, holm, mean

SETTINGS = Bootstrap(resamples=400, confidence=0.9, seed=7)


def study(draw: np.random.Generator, seeds: int, items: int, effect: float, noise: float = 0.05) -> np.ndarray:
    """Simulated scores: the effect, plus noise per training seed, plus noise per score."""
    return effect + draw.normal(0, noise, (seeds, 1)) + draw.normal(0, 0.1, (seeds, items))


@pytest.mark.parametrize(
    ("seeds", "baseline_seeds", "held_least", "falsely_most"),
    [(12, 12, 262, 40), (3, 3, 265, 35), (3, 1, 262, 40), (2, 2, 270, 30)],
)
def test_intervals_contain_the_true_difference_as_often_as_claimed(
    seeds: int, baseline_seeds: int, held_least: int, falsely_most: int
) -> None:
    """Of 300, 270 and 30 are expected, with a standard deviation of 5. An untrained baseline: one seed, no noise."""
    draw = np.random.default_rng(1)
    held = falsely = 0
    for number in range(300):
        hard = draw.normal(0.5, 0.3, 80)
        noise = 0.0 if baseline_seeds == 1 else 0.05
        other = hard + study(draw, baseline_seeds, 80, 0.0, noise)
        found = difference(hard + study(draw, seeds, 80, 0.04), other, replace(SETTINGS, seed=number))
        held += found.low <= 0.04 <= found.high
        none = difference(hard + study(draw, seeds, 80, 0.0), other, replace(SETTINGS, seed=number))
        falsely += none.p_value <= 0.1
    assert held >= held_least
    assert falsely <= falsely_most


def test_a_real_difference_is_still_found_with_three_seeds() -> None:
    draw = np.random.default_rng(4)
    hard = draw.normal(0.5, 0.3, 80)
    found = difference(
        hard + study(draw, 3, 80, 0.5), hard + study(draw, 3, 80, 0.0), replace(SETTINGS, resamples=4000)
    )
    assert found.low > 0
    assert found.p_value < 0.1


def test_one_seed_does_not_cover_training_noise() -> None:
    draw = np.random.default_rng(2)
    held = 0
    for number in range(300):
        hard = draw.normal(0.5, 0.3, 80)
        one, other = hard + study(draw, 1, 80, 0.04), hard + study(draw, 1, 80, 0.0)
        found = difference(one, other, replace(SETTINGS, seed=number))
        held += found.low <= 0.04 <= found.high
    assert held < 200


def test_a_difference_shared_by_all_items_is_exact() -> None:
    baseline = np.array([[0.1, 0.5, 0.9, 0.3]])
    found = difference(baseline + 0.1, baseline, SETTINGS)
    assert [found.mean, found.low, found.high] == pytest.approx([0.1, 0.1, 0.1])
    assert found.p_value == 2 / 401
    same = difference(baseline, baseline, SETTINGS)
    assert (same.mean, same.low, same.high, same.p_value) == (0, 0, 0, 1)
    alone = mean(np.array([[0.25]]), SETTINGS)
    assert (alone.mean, alone.low, alone.high) == (0.25, 0.25, 0.25)


SCORES = st.lists(st.lists(st.floats(0, 1), min_size=5, max_size=5), min_size=1, max_size=3).map(np.array)


@settings(deadline=None, max_examples=50)
@given(one=SCORES, other=SCORES, hard=st.lists(st.floats(0, 1), min_size=5, max_size=5).map(np.array))
def test_item_difficulty_does_not_change_a_difference(one: np.ndarray, other: np.ndarray, hard: np.ndarray) -> None:
    plain, harder = difference(one, other, SETTINGS), difference(one + hard, other + hard, SETTINGS)
    assert [harder.mean, harder.low, harder.high] == pytest.approx([plain.mean, plain.low, plain.high], abs=1e-9)
    low, high = plain.low - 1e-9, plain.high + 1e-9
    assert low <= high and 0 < plain.p_value <= 1


def test_the_same_seed_repeats_a_result_and_another_seed_does_not() -> None:
    draw = np.random.default_rng(3)
    one, other = draw.random((2, 20)), draw.random((1, 20))
    assert difference(one, other, SETTINGS) == difference(one, other, SETTINGS)
    assert difference(one, other, SETTINGS).low != difference(one, other, replace(SETTINGS, seed=8)).low


def test_different_items_on_the_two_sides_are_rejected() -> None:
    with pytest.raises(ValueError, match="both sides need the same items; found 3 and 2"):
        difference(np.zeros((1, 3)), np.zeros((1, 2)), SETTINGS)


@pytest.mark.parametrize("scores", [np.zeros((1, 0)), np.zeros((0, 3)), np.array([[0.1, np.nan]])])
def test_missing_and_non_finite_scores_are_rejected(scores: np.ndarray) -> None:
    with pytest.raises(ValueError, match="scores must be finite, and at least one; found"):
        mean(scores, SETTINGS)


def test_p_values_are_adjusted_by_the_method_of_holm() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
