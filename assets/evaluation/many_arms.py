"""Many arms against one baseline: the more comparisons, the more of them look significant by chance.

p-values are adjusted by the method of Holm (1979, https://www.jstor.org/stable/4615733): the smallest of m is compared
with the level divided by m, the next with the level divided by m - 1, and so on up to the first that exceeds it. The
interval of an arm is at the level with which its own p-value was compared (ours), so that it excludes 0 where the
verdict says that there is a difference, and nowhere else.

Worked example: p-values 0.01 and 0.04 at the level 0.05 are 0.02 and 0.04 after the adjustment. The first arm gets an
interval at the confidence level 0.975, and the second one at 0.95.
"""

from __future__ import annotations

from collections.abc import Sequence


def adjusted(p_values: Sequence[float]) -> list[float]:
    """The p-values adjusted for their number, in their order."""
    found, least = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(_ascending(p_values)):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[index]))
        found[index] = least
    return found


def confidence_levels(p_values: Sequence[float], confidence: float) -> list[float]:
    """The confidence level of the interval that belongs to each p-value, in their order."""
    levels, compared = [confidence] * len(p_values), 0.0
    stopped = False
    for rank, index in enumerate(_ascending(p_values)):
        if not stopped:
            compared = (1 - confidence) / (len(p_values) - rank)
            # After the first arm without a difference nothing is compared any more.
            stopped = p_values[index] > compared
        levels[index] = 1 - compared
    return levels


def _ascending(p_values: Sequence[float]) -> list[int]:
    return sorted(range(len(p_values)), key=lambda index: p_values[index])
