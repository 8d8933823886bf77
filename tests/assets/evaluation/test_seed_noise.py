"""The noise between trainings decides how large a difference must be. These tests check its estimate against values
computed by hand, and on simulated studies whose noise is known."""

from __future__ import annotations

import numpy as np
import pytest

from assets.evaluation.seed_noise import SeedNoise, pooled


def test_without_noise_of_scores_it_is_the_variance_of_the_means() -> None:
    assert pooled([np.array([[1.0, 3.0], [3.0, 5.0]])]) == SeedNoise(2.0, 1)


def test_the_noise_of_scores_is_taken_off() -> None:
    """The means of seeds 1, 2, 3 have the variance 1. The rest has the mean square 4 / (2 * 1), over 2 items 1."""
    scores = np.array([[0.0, 2.0], [3.0, 1.0], [3.0, 3.0]])
    rest = np.array([[-1.0, 1.0], [1.0, -1.0], [0.0, 0.0]])
    assert (scores - scores.mean(axis=1, keepdims=True) - (scores.mean(axis=0) - 2.0)).tolist() == rest.tolist()
    assert pooled([scores]) == SeedNoise(0.0, 2)


def test_arms_are_pooled_by_their_degrees_of_freedom() -> None:
    one, other = np.array([[1.0, 3.0], [3.0, 5.0]]), np.array([[0.0, 0.0], [6.0, 6.0], [0.0, 0.0]])
    # Variances 2 with 1 degree of freedom, and 12 with 2.
    assert pooled([one, other, np.array([[9.0, 1.0]])]) == SeedNoise((2 * 1 + 12 * 2) / 3, 3)


def test_one_seed_says_nothing() -> None:
    assert pooled([np.array([[1.0, 2.0]])]) == SeedNoise(0.0, 0)
    assert pooled([]) == SeedNoise(0.0, 0)


def test_the_estimate_is_right_on_average() -> None:
    draw = np.random.default_rng(1)
    arms = [draw.normal(0, 0.5, (3, 1)) + draw.normal(0, 2.0, (3, 96)) for _ in range(2000)]
    assert pooled(arms).variance == pytest.approx(0.25, abs=0.02)
