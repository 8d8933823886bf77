"""Arms that differ in one thing alone, and are so a curve: the size of the training set, or the cut of the filter.

Worked example: arms of the same methods and filters with 64, 128 and 256 rows are one series by rows; an arm without
the perplexity filter and two with it at keep 0.75 and 0.5 are one by the share kept, at 1, 0.75 and 0.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assets.recipe import Arm, Recipe

SIZES = ("rows", "response_tokens")
KEEP = "keep"
PERPLEXITY = "perplexity"
SERIES = "series"
"""Under this name the leaderboard's notes have the series."""


@dataclass(frozen=True)
class Series:
    """`arms` are alike but for `by` (rows, response_tokens or keep): pairs of an arm and its value, by value."""

    by: str
    arms: tuple[tuple[str, float], ...]


def series(recipe: Recipe) -> list[Series]:
    """All series of at least two arms, in the order of the recipe."""
    found: dict[tuple[object, ...], dict[str, float]] = {}
    for name, arm in recipe.arms.items():
        unit, size = _size(arm, recipe)
        share = _share(arm, recipe)
        rules = frozenset(arm.filters) - {PERPLEXITY}
        drawn = (frozenset(arm.methods), arm.levels and frozenset(arm.levels))
        found.setdefault((unit, drawn, frozenset(arm.filters), share), {})[name] = size
        if share is not None:
            found.setdefault((KEEP, drawn, rules, unit, size), {})[name] = share
    return [
        Series(str(by), tuple(sorted(arms.items(), key=lambda one: (one[1], one[0]))))
        for (by, *_), arms in found.items()
        if len(set(arms.values())) > 1
    ]


def _size(arm: Arm, recipe: Recipe) -> tuple[str, int]:
    for part in (arm, recipe.curation):
        for unit in SIZES:
            if size := getattr(part, unit):
                return unit, size
    raise AssertionError("a recipe has a budget")


def _share(arm: Arm, recipe: Recipe) -> float | None:
    """Which share of the pairs the perplexity filter keeps; None where it cuts at a number instead."""
    perplexity = recipe.enhancement.perplexity
    if PERPLEXITY not in arm.filters or perplexity is None:
        return 1.0
    return arm.keep or perplexity.keep
