"""Series of arms that differ in one setting only, to plot as a curve: training set size, or share kept by the filter.

The filter is perplexity or alignment. An arm without it keeps the share 1. It belongs to a series by share only if
nothing else differs. That fails in two cases: the diversity filter prefers the better pairs once they are measured, and
the filter may have limits as well. In these cases an arm with `keep: 1.0` gives the end point of the curve.

Worked example: arms with the same methods and filters and 64, 128 and 256 rows are one series by rows. Arms that have
the perplexity filter with keep 1, 0.75 and 0.5 are one series by share kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from assets.enhancement.measuring import MeasureFilter, limits
from assets.recipe.types import Arm, Recipe

SIZES = ("rows", "response_tokens")
KEEP = "keep"
PERPLEXITY, ALIGNMENT, DIVERSITY = "perplexity", "alignment", "diversity"
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
    filters = {name: one for name in recipe.arms if (one := _filter(name, recipe))}
    for name, arm in recipe.arms.items():
        unit, size = _size(arm, recipe)
        own, shares = filters.get(name), arm.shares and frozenset(arm.shares.items())
        pairs = (frozenset(arm.methods), arm.levels and frozenset(arm.levels), shares, arm.draw == "own")
        rules = frozenset(arm.filters) - {own[0] if own else None}
        share = own[1].keep if own else 1.0
        found.setdefault((unit, pairs, rules, own and _kind(own), share), {})[name] = size
        for kind in dict.fromkeys(map(_kind, [own] if own else filters.values())):
            if share is not None and (own or _is_end_of_curve(arm, [filters[one] for one in filters])):
                found.setdefault((KEEP, pairs, rules, kind, unit, size), {})[name] = share
    return [
        Series(str(by), tuple(sorted(arms.items(), key=lambda one: (one[1], one[0]))), _shared(str(by), arms, recipe))
        for (by, *_), arms in found.items()
        if len(set(arms.values())) > 1
    ]


def _filter(name: str, recipe: Recipe) -> tuple[str, MeasureFilter] | None:
    """(name, settings) of the filter of an arm that may keep a share, with the arm's own share."""
    arm, perplexity, alignment = recipe.arms[name], recipe.enhancement.perplexity, recipe.alignment(name)
    if PERPLEXITY in arm.filters and perplexity:
        return PERPLEXITY, perplexity.model_copy(update={"keep": arm.keep or perplexity.keep})
    return (ALIGNMENT, alignment) if alignment else None


def _kind(one: tuple[str, MeasureFilter]) -> tuple[str, str]:
    """(name of the filter, what it measures)."""
    return one[0], one[1].measure


def _is_end_of_curve(arm: Arm, filters: Iterable[tuple[str, MeasureFilter]]) -> bool:
    """Whether an arm without such a filter differs from those that have one in the share only."""
    return DIVERSITY not in arm.filters and all(limits(settings) == (None, None) for _, settings in filters)


def _shared(by: str, arms: Iterable[str], recipe: Recipe) -> str:
    """What the arms of a series share: one line about their pairs, and one about filters and size."""
    name = min(arms, key=lambda name: _filter(name, recipe) is None)
    one, own = recipe.arms[name], _filter(name, recipe)
    unit, size = _size(one, recipe)
    pairs = ", ".join(one.methods) + (f" ({', '.join(one.levels)})" if one.levels else "")
    treatment = [", ".join(one.filters)] if one.filters else []
    if by == KEEP:
        treatment.append(f"{size:,} {unit.replace('_', ' ')}")
    elif own and own[1].keep:
        treatment.append(f"{KEEP} {own[1].keep:g}")
    return "\n".join([pairs, "; ".join(treatment)]) if treatment else pairs


def _size(arm: Arm, recipe: Recipe) -> tuple[str, int]:
    for part in (arm, recipe.curation):
        for unit in SIZES:
            if size := getattr(part, unit):
                return unit, size
    raise AssertionError("the recipe sets no training set size")
