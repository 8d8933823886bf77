"""Paired bootstrap: the uncertainty of a mean, or of a difference of means, over items and training seeds.

Items are sampled with replacement (Efron and Tibshirani 1993, chapter 13), the same items for both sides of a
difference (Koehn 2004, https://aclanthology.org/W04-3250). There are too few training seeds to resample: three seeds
fall on the same side by chance in one case of four, and resampling them would treat that as certain. Instead, each
resample shifts the mean of a side by the standard error of its per-seed means on these items, times a draw from
Student's t with (seeds - 1) degrees of freedom. This choice is ours; it follows Student 1908 on the mean of a small
sample. Intervals are percentiles. With one seed they do not cover the noise of training.

Worked example: if an arm scores 0.1 more than the baseline on every item, with one seed each, the interval is
(0.1, 0.1), however much the items differ from each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLOCK = 1024

Scores = NDArray[np.float64]
"""One row per training seed, one column per item."""


@dataclass(frozen=True)
class Bootstrap:
    """The number of resamples, the confidence level of the intervals, and the random seed."""

    resamples: int
    confidence: float
    seed: int


@dataclass(frozen=True)
class Estimate:
    """A mean, or a difference of means, with its interval and its two-sided p-value (null hypothesis: it is 0)."""

    mean: float
    low: float
    high: float
    p_value: float


def mean(scores: Scores, settings: Bootstrap) -> Estimate:
    """Estimate the mean of `scores` (seeds, items). Raises ValueError if they are empty or not all finite."""
    return _estimate([(scores, 1.0)], settings)


def difference(scores: Scores, baseline: Scores, settings: Bootstrap) -> Estimate:
    """Estimate the mean of `scores` minus that of `baseline`. Columns are the same items in the same order.

    Raises ValueError if the numbers of items differ, or if a side is empty or has a score that is not finite.
    """
    if scores.shape[1] != baseline.shape[1]:
        raise ValueError(f"both sides need the same items; found {scores.shape[1]} and {baseline.shape[1]}")
    return _estimate([(scores, 1.0), (baseline, -1.0)], settings)


def _estimate(sides: Sequence[tuple[Scores, float]], settings: Bootstrap) -> Estimate:
    for scores, _ in sides:
        if not scores.size or not np.isfinite(scores).all():
            raise ValueError(f"scores must be finite, and at least one; found {scores.size} of shape {scores.shape}")
    draw = np.random.default_rng(settings.seed)
    items = sides[0][0].shape[1]
    found = np.empty(settings.resamples)
    for start in range(0, settings.resamples, BLOCK):
        rows = min(BLOCK, settings.resamples - start)
        # The share of each item in each resample.
        weights = draw.multinomial(items, [1 / items] * items, size=rows) / items
        total = np.zeros(rows)
        for scores, sign in sides:
            means, seeds = weights @ scores.T, len(scores)
            total += sign * means.mean(axis=1)
            if seeds > 1:
                total += draw.standard_t(seeds - 1, rows) * means.std(axis=1, ddof=1) / seeds**0.5
        found[start : start + rows] = total
    tail = (1 - settings.confidence) / 2
    low, high = np.quantile(found, [tail, 1 - tail])
    # The added 1 counts the sample itself, so that no p-value is 0.
    beyond = 1 + min(int((found <= 0).sum()), int((found >= 0).sum()))
    value = float(sum(sign * scores.mean() for scores, sign in sides))
    return Estimate(value, float(low), float(high), min(1.0, 2 * beyond / (settings.resamples + 1)))


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values adjusted for multiple tests (Holm 1979, https://www.jstor.org/stable/4615733), in their order."""
    adjusted, least = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = least
    return adjusted
