"""A judge that only prefers longer answers gives a win rate far from one half to an arm that is no better. At equal
lengths it must be near one half, and an arm that is better must stay so."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.evaluation.facts import of_verdicts
from assets.evaluation.length_control import controlled_win_rate
from tests.assets.evaluation.test_facts import WINS, WRITTEN


def test_two_lengths_have_the_rate_that_the_fit_by_hand_has() -> None:
    """Two lengths, two coefficients: the fit meets both win rates, 3 of 4 when longer and 1 of 4 when shorter."""
    won, lost = [1.0, 1.0, 1.0, 0.0], [1.0, 0.0, 0.0, 0.0]
    assert controlled_win_rate([*won, *lost], [10] * 4 + [-10] * 4) == pytest.approx(0.5, abs=1e-3)
    # More often longer, so the win rate is 58 %; the two lengths are still as far from zero.
    assert controlled_win_rate([*won, *won, *lost], [10] * 8 + [-10] * 4) == pytest.approx(0.5, abs=2e-3)
    # Longer by 30 or shorter by 10, at a standard deviation of 20. With a = tanh(30 / 20), b = tanh(-10 / 20) and the
    # log odds ±log 3 there, the line through both meets zero at log 3 · (1 - 2a / (a - b)).
    a, b = math.tanh(1.5), math.tanh(-0.5)
    by_hand = 1 / (1 + math.exp(-math.log(3) * (1 - 2 * a / (a - b))))
    assert controlled_win_rate([*won, *lost], [30] * 4 + [-10] * 4) == pytest.approx(by_hand, abs=3e-3)
    assert by_hand == pytest.approx(0.40, abs=0.02)


def test_a_tie_is_half_a_win_and_half_a_loss() -> None:
    apart = [12, -3, 5, -9, 20, 1]
    once = controlled_win_rate([1.0, 0.0, 0.5, 0.5, 1.0, 0.5], apart)
    both = [(value, one) for value, one in zip([1, 0, 0, 1, 1, 0], apart, strict=True)]
    other = [(value, one) for value, one in zip([1, 0, 1, 0, 1, 1], apart, strict=True)]
    values, lengths = zip(*both, *other, strict=True)
    assert once == pytest.approx(controlled_win_rate([*map(float, values)], [*lengths]), abs=0.01)


def simulated(items: int, seed: int, likes_length: float, likes_arm: float) -> tuple[float, float]:
    """(win rate, the same at equal lengths) of an arm whose answers are mostly longer, judged in both orders."""
    draw = np.random.default_rng(seed)
    longer = draw.normal(20, 30, items).round()
    log_odds = likes_arm + likes_length * np.tanh(longer / 30)
    preferred = draw.random((2, items)) < 1 / (1 + np.exp(-log_odds))
    won = np.where(preferred.all(axis=0), 1.0, np.where(preferred.any(axis=0), 0.5, 0.0))
    rate = controlled_win_rate(won.tolist(), longer.tolist())
    assert rate is not None
    return float(won.mean()), rate


def test_a_judge_that_only_prefers_length_gives_one_half_at_equal_lengths() -> None:
    found = np.array([simulated(400, seed, likes_length=3.0, likes_arm=0.0) for seed in range(40)])
    raw, controlled = found.mean(axis=0)
    assert raw == pytest.approx(0.70, abs=0.02)
    assert controlled == pytest.approx(0.50, abs=0.01)
    assert (abs(found[:, 1] - 0.5) < 0.1).all()


def test_a_judge_that_only_prefers_the_arm_gives_the_same_rate_at_equal_lengths() -> None:
    found = np.array([simulated(400, seed, likes_length=0.0, likes_arm=1.0) for seed in range(40)])
    raw, controlled = found.mean(axis=0)
    assert raw == pytest.approx(1 / (1 + math.exp(-1)), abs=0.01)
    assert controlled == pytest.approx(raw, abs=0.01)


@pytest.mark.parametrize(
    ("outcomes", "differences", "rate"),
    [
        ([], [], None),
        # The same difference everywhere: its effect cannot be told from that of the arm.
        ([1.0, 0.0, 1.0], [5, 5, 5], None),
        ([1.0, 0.0, 1.0, 1.0], [0, 0, 0, 0], 0.75),
        ([1.0, 1.0, 1.0], [5, -3, 2], 1.0),
        ([0.5, 0.5], [5, -3], 0.5),
    ],
)
def test_where_nothing_can_be_fitted_the_rate_is_the_mean_or_absent(
    outcomes: list[float], differences: list[float], rate: float | None
) -> None:
    assert controlled_win_rate(outcomes, differences) == rate


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0]), st.integers(-200, 200)), min_size=1, max_size=30))
def test_exchanging_the_sides_gives_the_complement(pairs: list[tuple[float, int]]) -> None:
    own = controlled_win_rate([value for value, _ in pairs], [apart for _, apart in pairs])
    other = controlled_win_rate([1 - value for value, _ in pairs], [-apart for _, apart in pairs])
    if own is None or other is None:
        assert own is other
    else:
        assert 0 <= own <= 1
        assert own == pytest.approx(1 - other, abs=1e-3)


def test_lengths_are_those_of_the_two_answers_that_were_compared() -> None:
    """The arm is longer on the item that it wins, shorter on the one that it loses."""
    texts = {("x", "a"): "One two three.", ("x", "c"): "One.", ("base", "a"): "One.", ("base", "c"): "One two three."}
    written = WRITTEN.with_columns(
        text=WRITTEN.select("arm", "item").map_rows(lambda row: texts.get(row, "One two."))["map"]
    )
    rate = of_verdicts(WINS, written, {"judge": "longform"}, "base")["judge"]["x"]["length_controlled"]
    # Its lengths explain both: without them it wins 3 of 5 items.
    assert rate == pytest.approx(50, abs=1)
