"""Paired bootstrap: how far a mean, or a difference of means, may be from what other items and seeds would give.

Items are drawn with replacement (Efron and Tibshirani 1993, chapter 13), the same ones for both sides of a difference
(Koehn 2004, https://aclanthology.org/W04-3250). Training seeds are too few to be drawn from: three of them fall on one
side by chance once in four times, and drawing from them again would call that certain. So each side's mean is moved by
the standard error of its seeds' means on these items, times a draw of Student's t with one degree of freedom less than
there are seeds (ours; what Student 1908 says of a mean of few). Intervals are percentiles. With one seed the noise of
training is not covered.

Worked example: an arm that scores 0.1 more than the baseline on every item, with one seed each, has the interval
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
    """How often to resample, how sure an interval is to be, and the seed that decides what is drawn."""

    resamples: int
    confidence: float
    seed: int


@dataclass(frozen=True)
class Estimate:
    """A mean, or a difference of means, with its interval. `p_value` is that of no difference, two-sided."""

    mean: float
    low: float
    high: float
    p_value: float


def mean(scores: Scores, settings: Bootstrap) -> Estimate:
    """The mean of `scores` (seeds, items) over both. Raises ValueError as `difference` does."""
    return _estimate([(scores, 1.0)], settings)


def difference(scores: Scores, baseline: Scores, settings: Bootstrap) -> Estimate:
    """The mean of `scores` less that of `baseline`, whose columns are the same items in the same order.

    Raises ValueError where they are not as many, and where a side is empty or has a score that is no finite number.
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
        # How often each item is drawn.
        often = draw.multinomial(items, [1 / items] * items, size=rows) / items
        total = np.zeros(rows)
        for scores, sign in sides:
            means, seeds = often @ scores.T, len(scores)
            total += sign * means.mean(axis=1)
            if seeds > 1:
                total += draw.standard_t(seeds - 1, rows) * means.std(axis=1, ddof=1) / seeds**0.5
        found[start : start + rows] = total
    tail = (1 - settings.confidence) / 2
    low, high = np.quantile(found, [tail, 1 - tail])
    # The one that is added is the sample itself: no p-value is 0.
    beyond = 1 + min(int((found <= 0).sum()), int((found >= 0).sum()))
    value = float(sum(sign * scores.mean() for scores, sign in sides))
    return Estimate(value, float(low), float(high), min(1.0, 2 * beyond / (settings.resamples + 1)))


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values adjusted for their number (Holm 1979, https://www.jstor.org/stable/4615733), in their order."""
    adjusted, least = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = least
    return adjusted
