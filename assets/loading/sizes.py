"""Numbers in a recipe that contradict each other: a build would fail after hours, or give misleading results."""

from __future__ import annotations

import math
from collections.abc import Iterator

from assets.curation.diversity import RULES
from assets.generation.method import method_in, read_by
from assets.loading.filters import Fault
from assets.recipe.types import Recipe
from warehouse.core.closure import closure


def contradictions(recipe: Recipe) -> Iterator[Fault]:
    """Every number that contradicts another."""
    yield from _levels(recipe)
    yield from _counts(recipe)
    yield from _diverse_rows(recipe)
    yield from _resamples(recipe)


def unused_methods(recipe: Recipe) -> list[str]:
    """The methods that are built although no arm uses their pairs, directly or through other methods."""
    by_arms = [name for arm in recipe.arms.values() for name in arm.methods]
    used = closure(by_arms, lambda name: read_by(recipe, name))
    return [name for name in recipe.methods if name not in used]


def _levels(recipe: Recipe) -> Iterator[Fault]:
    fragments = recipe.enhancement.fragments
    if fragments is None:
        return
    for name, arm in recipe.arms.items():
        if unknown := [level for level in arm.levels or () if level not in fragments.levels]:
            yield f"arms.{name}.levels", unknown, f"enhancement.fragments.levels has only {', '.join(fragments.levels)}"


def _counts(recipe: Recipe) -> Iterator[Fault]:
    """A method takes the first `count` rows of an input, which has at most as many as its selections say."""
    for name in recipe.methods:
        source = method_in(recipe, name).counted_input
        if source is None:
            continue
        count = recipe.generation.settings(name).count
        available = sum(selection.count for selection in recipe.part(source))
        if count is not None and available and count > available:
            accepted = f"it must be at most {available}, the sum of the counts of {source}"
            yield f"{recipe.generation.path(name)}.count", count, accepted


def _diverse_rows(recipe: Recipe) -> Iterator[Fault]:
    """A diversity rule may keep a fixed number of rows at most; then no arm can train on more."""
    diversity, curation = recipe.curation.diversity, recipe.curation
    key = RULES[diversity.rule].takes_at_most if diversity else None
    kept = getattr(diversity, key) if key else None
    if kept is None:
        return
    sizes = {
        name: arm.rows or (0 if arm.response_tokens else curation.rows or 0)
        for name, arm in recipe.arms.items()
        if "diversity" in arm.filters
    }
    largest = max(sizes, key=lambda name: sizes[name], default=None)
    if largest is not None and kept < sizes[largest]:
        accepted = f"it must be at least {sizes[largest]}, the rows that arm {largest!r} trains on"
        yield f"curation.diversity.{key}", kept, accepted


def _resamples(recipe: Recipe) -> Iterator[Fault]:
    """The smallest p-value that resampling can give must be significant after Holm's correction.

    The number of comparisons is the number of arms: the arms and the base, without the baseline."""
    evaluation, arms = recipe.evaluation, len(recipe.arms)
    needed = max(1, math.floor(2 * arms / (1 - evaluation.confidence)) - 1)
    while arms * 2 / (needed + 1) > 1 - evaluation.confidence:
        needed += 1
    if evaluation.resamples < needed:
        accepted = (
            f"it must be at least {needed}: with fewer, no difference between {arms} arms could be significant at "
            f"confidence {evaluation.confidence:g}"
        )
        yield "evaluation.resamples", evaluation.resamples, accepted
