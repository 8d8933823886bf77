"""Paired bootstrap: the uncertainty of a mean, or of a difference of means, over items and training seeds.

Items are sampled with replacement (Efron and Tibshirani 1993, chapter 13), the same items for both sides of a
difference (Koehn 2004, https://aclanthology.org/W04-3250). There are too few training seeds to resample: three seeds
fall on the same side by chance in one case of four, and resampling them would treat that as certain. Instead, each
resample is shifted by the noise of training seeds, which all arms of the study estimate together (see seed_noise.py):
its standard error times a draw from Student's t with that estimate's degrees of freedom (Student 1908). This choice is
ours. Intervals are percentiles. Where no arm has a second seed, they do not cover the noise of training.

Worked example: if an arm scores 0.1 more than the baseline on every item, with one seed each, the interval is
(0.1, 0.1), however much the items differ from each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assets.evaluation.seed_noise import Scores, SeedNoise

BLOCK = 1024


@dataclass(frozen=True)
class Bootstrap:
    """The number of resamples, the confidence level of the intervals, and the random seed."""

    resamples: int
    confidence: float
    seed: int


@dataclass(frozen=True)
class Side:
    """The scores of an arm, and how many trainings they come from: none for the untouched base."""

    scores: Scores
    trainings: int


@dataclass(frozen=True, eq=False)
class Estimate:
    """A mean, or a difference of means, and its resamples."""

    mean: float
    resamples: NDArray[np.float64]

    def interval(self, confidence: float) -> tuple[float, float]:
        """(lowest, highest) value of the interval at this confidence level."""
        tail = (1 - confidence) / 2
        low, high = np.quantile(self.resamples, [tail, 1 - tail])
        return float(low), float(high)

    @property
    def p_value(self) -> float:
        """Two-sided; the null hypothesis is that the true value is 0."""
        # The added 1 counts the sample itself, so that no p-value is 0.
        beyond = 1 + min(int((self.resamples <= 0).sum()), int((self.resamples >= 0).sum()))
        return min(1.0, 2 * beyond / (len(self.resamples) + 1))

    def detectable(self, confidence: float, power: float) -> float:
        """The true difference from 0 that a test at this confidence level finds with the probability `power`.

        A difference is found if it is beyond the quantile `confidence` of the noise; to be so with the probability
        `power`, the true difference must exceed that by the quantile `power` of the noise."""
        noise = self.resamples - self.resamples.mean()
        return float(np.quantile(abs(noise), confidence) + max(0.0, np.quantile(noise, power)))


def mean(side: Side, settings: Bootstrap, noise: SeedNoise) -> Estimate:
    """Estimate the mean of a side. Raises ValueError if its scores are empty or not all finite."""
    return _estimate([(side, 1.0)], settings, noise)


def difference(side: Side, baseline: Side, settings: Bootstrap, noise: SeedNoise) -> Estimate:
    """Estimate the mean of `side` minus that of `baseline`. Columns are the same items in the same order.

    Raises ValueError if the numbers of items differ, or if a side is empty or has a score that is not finite.
    """
    own, other = side.scores.shape[1], baseline.scores.shape[1]
    if own != other:
        raise ValueError(f"both sides need the same items; found {own} and {other}")
    return _estimate([(side, 1.0), (baseline, -1.0)], settings, noise)


def _estimate(sides: Sequence[tuple[Side, float]], settings: Bootstrap, noise: SeedNoise) -> Estimate:
    for side, _ in sides:
        if not side.scores.size or not np.isfinite(side.scores).all():
            shape = side.scores.shape
            raise ValueError(f"scores must be finite, and at least one; found {side.scores.size} of shape {shape}")
    of_item = sum(sign * side.scores.mean(axis=0) for side, sign in sides)
    draw = np.random.default_rng(settings.seed)
    items = sides[0][0].scores.shape[1]
    found = np.empty(settings.resamples)
    for start in range(0, settings.resamples, BLOCK):
        rows = min(BLOCK, settings.resamples - start)
        # The share of each item in each resample.
        weights = draw.multinomial(items, [1 / items] * items, size=rows) / items
        found[start : start + rows] = weights @ of_item
    variance = sum(noise.variance / side.trainings for side, _ in sides if side.trainings)
    if variance and noise.freedom:
        found += draw.standard_t(noise.freedom, settings.resamples) * variance**0.5
    return Estimate(float(sum(sign * side.scores.mean() for side, sign in sides)), found)
