"""How much a mean score varies between trainings with different seeds, pooled over all arms of a study.

Three trainings say next to nothing about the variation of one arm. But all arms are trained with the same settings, so
their variation is estimated together: 20 arms with three seeds give 40 degrees of freedom instead of 2. That all arms
vary alike is an assumption of ours.

The scores of one arm are a table of seeds and items. Its mean square between seeds also holds the noise of single
scores, which the bootstrap over items counts already. So that part is taken off: the variance component of seeds in the
analysis of variance of a two-way table with random effects (Searle, Casella and McCulloch 1992, Variance Components,
section 4.5). Where the difference is negative, it is 0.

Worked example: two seeds score (1, 3) and (3, 5) on two items. The seeds' means are 2 and 4, with the variance 2, and
no single score departs from the sum of its seed and its item. So the variance between trainings is 2, with 1 degree of
freedom.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
"""One row per training seed, one column per item."""


@dataclass(frozen=True)
class SeedNoise:
    """The `variance` of an arm's mean score between trainings, estimated with `freedom` degrees of freedom.

    With 0 degrees of freedom nothing is known about it, and `variance` is 0."""

    variance: float = 0.0
    freedom: int = 0


def pooled(arms: Iterable[Scores]) -> SeedNoise:
    """The noise of training seeds in the scores of several arms; those with one seed say nothing about it."""
    total, freedom = 0.0, 0
    for scores in arms:
        seeds, items = scores.shape
        if seeds < 2:
            continue
        total += (seeds - 1) * (scores.mean(axis=1).var(ddof=1) - _interaction(scores) / items)
        freedom += seeds - 1
    return SeedNoise(max(0.0, float(total) / freedom), freedom) if freedom else SeedNoise()


def _interaction(scores: Scores) -> float:
    """The mean square of what neither the seed nor the item of a score explains; 0 for one item."""
    seeds, items = scores.shape
    if items < 2:
        return 0.0
    rest = scores - scores.mean(axis=1, keepdims=True) - scores.mean(axis=0, keepdims=True) + scores.mean()
    return float((rest**2).sum() / ((seeds - 1) * (items - 1)))
