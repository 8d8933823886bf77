"""Series of arms that differ in one setting only, to plot as a curve: training set size, or share kept by the filter.

An arm without the perplexity filter keeps the share 1. It belongs to a series by share only if nothing else differs.
That fails in two cases: the diversity filter prefers pairs of low perplexity once perplexity is measured, and the
perplexity filter may have limits as well. In these cases an arm with `keep: 1.0` gives the end point of the curve.

Worked example: arms with the same methods and filters and 64, 128 and 256 rows are one series by rows. Arms that have
the perplexity filter with keep 1, 0.75 and 0.5 are one series by share kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from assets.enhancement.perplexity import limits
from assets.recipe.types import Arm, Recipe

SIZES = ("rows", "response_tokens")
KEEP = "keep"
PERPLEXITY, DIVERSITY = "perplexity", "diversity"
SERIES, BASELINE = "series", "baseline"
"""The keys of the leaderboard's notes for the series and for the arm that all others are compared with."""


@dataclass(frozen=True)
class Series:
    """Arms that differ only in `by` (rows, response_tokens or keep), as (arm, value) pairs sorted by value.

    `of` describes what they share. It is empty for some older stored leaderboards."""

    by: str
    arms: tuple[tuple[str, float], ...]
    of: str = ""

    @property
    def along(self) -> str:
        """A phrase for the setting that differs."""
        return "share kept by the filter" if self.by == KEEP else self.by.replace("_", " ")


def series(recipe: Recipe) -> list[Series]:
    """All series with at least two different values, in the order of the recipe."""
    found: dict[tuple[object, ...], dict[str, float]] = {}
    for name, arm in recipe.arms.items():
        unit, size = _size(arm, recipe)
        share = _share(arm, recipe)
        rules = frozenset(arm.filters) - {PERPLEXITY}
        pairs = (frozenset(arm.methods), arm.levels and frozenset(arm.levels))
        found.setdefault((unit, pairs, frozenset(arm.filters), share), {})[name] = size
        if share is not None and _differs_in_share_only(arm, recipe):
            found.setdefault((KEEP, pairs, rules, unit, size), {})[name] = share
    return [
        Series(str(by), tuple(sorted(arms.items(), key=lambda one: (one[1], one[0]))), _shared(str(by), arms, recipe))
        for (by, *_), arms in found.items()
        if len(set(arms.values())) > 1
    ]


def _shared(by: str, arms: Iterable[str], recipe: Recipe) -> str:
    """What the arms of a series share: one line about their pairs, and one about filters and size."""
    one = min((recipe.arms[name] for name in arms), key=lambda arm: PERPLEXITY not in arm.filters)
    unit, size = _size(one, recipe)
    pairs = ", ".join(one.methods) + (f" ({', '.join(one.levels)})" if one.levels else "")
    treatment = [", ".join(one.filters)] if one.filters else []
    if by == KEEP:
        treatment.append(f"{size:,} {unit.replace('_', ' ')}")
    elif PERPLEXITY in one.filters and (share := _share(one, recipe)):
        treatment.append(f"{KEEP} {share:g}")
    return "\n".join([pairs, "; ".join(treatment)]) if treatment else pairs


def _size(arm: Arm, recipe: Recipe) -> tuple[str, int]:
    for part in (arm, recipe.curation):
        for unit in SIZES:
            if size := getattr(part, unit):
                return unit, size
    raise AssertionError("the recipe sets no training set size")


def _differs_in_share_only(arm: Arm, recipe: Recipe) -> bool:
    """Whether an arm differs only in the share from the arms of its methods that have the perplexity filter."""
    perplexity = recipe.enhancement.perplexity
    if PERPLEXITY in arm.filters or perplexity is None:
        return True
    return DIVERSITY not in arm.filters and limits(perplexity) == (None, None)


def _share(arm: Arm, recipe: Recipe) -> float | None:
    """The share of the pairs that the perplexity filter keeps; None if it cuts at limits instead."""
    perplexity = recipe.enhancement.perplexity
    if PERPLEXITY not in arm.filters or perplexity is None:
        return 1.0
    return arm.keep or perplexity.keep
