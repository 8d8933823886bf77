"""The bootstrap decides whether a trained variant counts as better than the baseline, so its error rates must be what
it claims. These tests run it on simulated studies with a known true difference, and check the results that can be
known exactly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.evaluation.bootstrap import Bootstrap, Estimate, Side, difference, mean
from assets.evaluation.many_arms import adjusted
from assets.evaluation.seed_noise import Scores, SeedNoise, pooled

SETTINGS = Bootstrap(resamples=400, confidence=0.9, seed=7)
NO_NOISE = SeedNoise()
ITEMS = 96


def trained(scores: Scores) -> Side:
    return Side(scores, len(scores))


def untrained(scores: Scores) -> Side:
    return Side(scores, 0)


def study(draw: np.random.Generator, arms: int, seeds: int, effect: float) -> tuple[Side, list[Side]]:
    """A simulated study in points of METEOR: (the untouched base, the arms), all with the true difference `effect`.

    Items differ in difficulty with a standard deviation of 7, what an arm makes of an item and what a training makes of
    it vary by 2 points each, and the mean of a training by 0.2. The intervals of differences are then +-0.5 points, as
    a study with 64 rows an arm had them."""
    hard = draw.normal(16, 7, ITEMS)
    made = [
        hard + effect + draw.normal(0, 2, ITEMS) + draw.normal(0, 0.2, (seeds, 1)) + draw.normal(0, 2, (seeds, ITEMS))
        for _ in range(arms)
    ]
    return untrained(hard[None]), [trained(scores) for scores in made]


def compared(base: Side, arms: list[Side], chosen: Bootstrap) -> list[Estimate]:
    noise = pooled(arm.scores for arm in arms)
    return [difference(arm, base, chosen, noise) for arm in arms]


def false_alarms(studies: int, arms: int, seeds: int, level: float) -> float:
    """The share of studies without any difference whose first arm is significant at the level, before adjustment."""
    draw, found = np.random.default_rng(1), 0
    for number in range(studies):
        base, made = study(draw, arms, seeds, effect=0.0)
        noise = pooled(arm.scores for arm in made)
        found += difference(made[0], base, replace(SETTINGS, seed=number), noise).p_value <= level
    return found / studies


@pytest.mark.parametrize(("arms", "seeds"), [(20, 3), (5, 3), (20, 2)])
def test_one_test_in_twenty_is_a_false_alarm(arms: int, seeds: int) -> None:
    """Of 1,000 studies 50 are expected, with a standard deviation of 7."""
    assert 0.03 <= false_alarms(1000, arms, seeds, 0.05) <= 0.07


def test_two_trained_arms_are_compared_at_the_level_that_is_claimed() -> None:
    draw, found = np.random.default_rng(5), 0
    for number in range(1000):
        _, made = study(draw, 10, 3, effect=0.0)
        noise = pooled(arm.scores for arm in made)
        found += difference(made[0], made[1], replace(SETTINGS, seed=number), noise).p_value <= 0.05
    assert 30 <= found <= 70


def test_a_difference_of_one_point_is_found_in_four_of_five_cases() -> None:
    """20 arms, 3 seeds, 96 items, and p-values adjusted over the arms."""
    draw, found, studies = np.random.default_rng(2), 0, 15
    for number in range(studies):
        base, made = study(draw, 20, 3, effect=1.0)
        estimates = compared(base, made, Bootstrap(4000, 0.95, number))
        found += sum(p_value <= 0.05 for p_value in adjusted([one.p_value for one in estimates]))
    assert found / (20 * studies) >= 0.8


def test_the_difference_that_would_be_found_is_found_as_often_as_claimed() -> None:
    """Of 400 studies 320 are expected, with a standard deviation of 8; the difference is itself an estimate."""
    draw, found = np.random.default_rng(3), 0
    base, made = study(draw, 20, 3, effect=0.0)
    (least, *_) = (one.detectable(0.95, 0.8) for one in compared(base, made, Bootstrap(4000, 0.95, 1)))
    for number in range(400):
        base, made = study(draw, 20, 3, effect=least)
        noise = pooled(arm.scores for arm in made)
        found += difference(made[0], base, replace(SETTINGS, seed=number), noise).p_value <= 0.05
    assert 270 <= found <= 370


def test_intervals_contain_the_true_difference_as_often_as_claimed() -> None:
    """Of 400 intervals 360 are expected, with a standard deviation of 6."""
    draw, held = np.random.default_rng(4), 0
    for number in range(400):
        base, made = study(draw, 8, 3, effect=1.0)
        noise = pooled(arm.scores for arm in made)
        low, high = difference(made[0], base, replace(SETTINGS, seed=number), noise).interval(0.9)
        held += low <= 1.0 <= high
    assert 340 <= held <= 380


def test_one_seed_does_not_cover_training_noise() -> None:
    draw, held = np.random.default_rng(2), 0
    for number in range(300):
        hard = draw.normal(0.5, 0.3, 80)
        one, other = (trained(hard + draw.normal(0, 0.05) + draw.normal(0, 0.1, (1, 80))) for _ in range(2))
        low, high = difference(one, other, replace(SETTINGS, seed=number), pooled([one.scores])).interval(0.9)
        held += low <= 0 <= high
    assert held < 200


def test_a_difference_shared_by_all_items_is_exact() -> None:
    baseline = np.array([[0.1, 0.5, 0.9, 0.3]])
    found = difference(trained(baseline + 0.1), untrained(baseline), SETTINGS, NO_NOISE)
    assert [found.mean, *found.interval(0.9)] == pytest.approx([0.1, 0.1, 0.1])
    assert (found.p_value, found.detectable(0.95, 0.8)) == (2 / 401, pytest.approx(0))
    same = difference(trained(baseline), untrained(baseline), SETTINGS, NO_NOISE)
    assert (same.mean, *same.interval(0.9), same.p_value) == (0, 0, 0, 1)
    alone = mean(untrained(np.array([[0.25]])), SETTINGS, NO_NOISE)
    assert (alone.mean, *alone.interval(0.9)) == (0.25, 0.25, 0.25)


def test_noise_of_trainings_widens_the_interval_of_trained_arms_alone() -> None:
    """A variance of 4 over 4 trainings is a standard error of 1; with many degrees of freedom 90 % lie within 1.645."""
    scores, noise = np.ones((4, 3)), SeedNoise(variance=4.0, freedom=10_000)
    many = replace(SETTINGS, resamples=20_000)
    assert mean(trained(scores), many, noise).interval(0.9) == pytest.approx((1 - 1.645, 1 + 1.645), abs=0.05)
    assert mean(untrained(scores), many, noise).interval(0.9) == (1, 1)


SCORES = st.lists(st.lists(st.floats(0, 1), min_size=5, max_size=5), min_size=1, max_size=3).map(np.array)


@settings(deadline=None, max_examples=50)
@given(one=SCORES, other=SCORES, hard=st.lists(st.floats(0, 1), min_size=5, max_size=5).map(np.array))
def test_item_difficulty_does_not_change_a_difference(one: np.ndarray, other: np.ndarray, hard: np.ndarray) -> None:
    noise = pooled([one, other])
    plain = difference(trained(one), trained(other), SETTINGS, noise)
    harder = difference(trained(one + hard), trained(other + hard), SETTINGS, pooled([one + hard, other + hard]))
    (low, high), again = plain.interval(0.9), harder.interval(0.9)
    assert [harder.mean, *again] == pytest.approx([plain.mean, low, high], abs=1e-6)
    assert low - 1e-9 <= high and 0 < plain.p_value <= 1


def test_the_same_seed_repeats_a_result_and_another_seed_does_not() -> None:
    draw = np.random.default_rng(3)
    sides = trained(draw.random((2, 20))), trained(draw.random((1, 20)))
    first, again, other = (
        difference(*sides, chosen, NO_NOISE) for chosen in (SETTINGS, SETTINGS, replace(SETTINGS, seed=8))
    )
    assert first.interval(0.9) == again.interval(0.9) != other.interval(0.9)


def test_different_items_on_the_two_sides_are_rejected() -> None:
    with pytest.raises(ValueError, match="both sides need the same items; found 3 and 2"):
        difference(trained(np.zeros((1, 3))), trained(np.zeros((1, 2))), SETTINGS, NO_NOISE)


@pytest.mark.parametrize("scores", [np.zeros((1, 0)), np.zeros((0, 3)), np.array([[0.1, np.nan]])])
def test_missing_and_non_finite_scores_are_rejected(scores: np.ndarray) -> None:
    with pytest.raises(ValueError, match="scores must be finite, and at least one; found"):
        mean(trained(scores), SETTINGS, NO_NOISE)
