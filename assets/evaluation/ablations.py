"""Arms that differ in one thing alone, and are so a curve: the size of the training set, or the cut of the filter.

An arm without the perplexity filter keeps the share 1, but ends a series only where it differs in nothing else: not
where the diversity filter prefers what has a low perplexity once that is measured, and not where the filter has limits
too. There `keep: 1.0` is the clean end.

Worked example: arms of the same methods and filters with 64, 128 and 256 rows are one series by rows; those with the
perplexity filter at keep 1, 0.75 and 0.5 are one by the share kept.
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
"""Under these names the leaderboard's notes have the series, and the arm that all are compared with."""


@dataclass(frozen=True)
class Series:
    """`arms` are alike but for `by` (rows, response_tokens or keep): pairs of an arm and its value, by value.

    `of` says in words what they share; series of stored leaderboards may have none."""

    by: str
    arms: tuple[tuple[str, float], ...]
    of: str = ""

    @property
    def along(self) -> str:
        """What differs, in words."""
        return "share kept by the filter" if self.by == KEEP else self.by.replace("_", " ")


def series(recipe: Recipe) -> list[Series]:
    """All series of at least two arms, in the order of the recipe."""
    found: dict[tuple[object, ...], dict[str, float]] = {}
    for name, arm in recipe.arms.items():
        unit, size = _size(arm, recipe)
        share = _share(arm, recipe)
        rules = frozenset(arm.filters) - {PERPLEXITY}
        drawn = (frozenset(arm.methods), arm.levels and frozenset(arm.levels))
        found.setdefault((unit, drawn, frozenset(arm.filters), share), {})[name] = size
        if share is not None and _ends_cleanly(arm, recipe):
            found.setdefault((KEEP, drawn, rules, unit, size), {})[name] = share
    return [
        Series(str(by), tuple(sorted(arms.items(), key=lambda one: (one[1], one[0]))), _shared(str(by), arms, recipe))
        for (by, *_), arms in found.items()
        if len(set(arms.values())) > 1
    ]


def _shared(by: str, arms: Iterable[str], recipe: Recipe) -> str:
    """What the arms of a series have in common, on a line for the pairs and one for what is done to them."""
    one = min((recipe.arms[name] for name in arms), key=lambda arm: PERPLEXITY not in arm.filters)
    unit, size = _size(one, recipe)
    pairs = ", ".join(one.methods) + (f" ({', '.join(one.levels)})" if one.levels else "")
    told = [", ".join(one.filters)] if one.filters else []
    if by == KEEP:
        told.append(f"{size:,} {unit.replace('_', ' ')}")
    elif PERPLEXITY in one.filters and (share := _share(one, recipe)):
        told.append(f"{KEEP} {share:g}")
    return "\n".join([pairs, "; ".join(told)]) if told else pairs


def _size(arm: Arm, recipe: Recipe) -> tuple[str, int]:
    for part in (arm, recipe.curation):
        for unit in SIZES:
            if size := getattr(part, unit):
                return unit, size
    raise AssertionError("a recipe has a budget")


def _ends_cleanly(arm: Arm, recipe: Recipe) -> bool:
    """Whether an arm differs in the share alone from those of its methods that the perplexity filter cuts."""
    perplexity = recipe.enhancement.perplexity
    if PERPLEXITY in arm.filters or perplexity is None:
        return True
    return DIVERSITY not in arm.filters and limits(perplexity) == (None, None)


def _share(arm: Arm, recipe: Recipe) -> float | None:
    """Which share of the pairs the perplexity filter keeps; None where it cuts at a number instead."""
    perplexity = recipe.enhancement.perplexity
    if PERPLEXITY not in arm.filters or perplexity is None:
        return 1.0
    return arm.keep or perplexity.keep
