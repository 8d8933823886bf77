"""Where the numbers of a recipe contradict each other, so that it would build for hours and then fail, or mislead."""

from __future__ import annotations

import math
from collections.abc import Iterator

from assets.enhancement.perplexity import IFD, limits
from assets.generation.method import methods
from assets.recipe.types import Recipe
from warehouse.core.closure import closure

Fault = tuple[str, object, str]
"""(the key's path, what was found there, what would be accepted)."""

COUNTED = {
    "seeds": "seed_tasks",
    "self_training": "seed_tasks",
    "evol_instruct": "seed_tasks",
    "back_translation": "documents",
}
"""Methods that take the first `count` rows of an asset, which has as many as its selections say."""


def contradictions(recipe: Recipe) -> Iterator[Fault]:
    """Every number that another one rules out."""
    yield from _levels(recipe)
    yield from _counts(recipe)
    yield from _limits(recipe)
    yield from _centres(recipe)
    yield from _resamples(recipe)


def unused_methods(recipe: Recipe) -> list[str]:
    """The methods that are built although no arm takes their pairs, nor any method that an arm does."""
    by_arms = [name for arm in recipe.arms.values() for name in arm.methods]
    used = closure(
        by_arms,
        lambda name: [one.removeprefix("raw_") for one in methods()[name].inputs if one.startswith("raw_")],
    )
    return [name for name in recipe.methods if name not in used]


def _levels(recipe: Recipe) -> Iterator[Fault]:
    fragments = recipe.enhancement.fragments
    if fragments is None:
        return
    for name, arm in recipe.arms.items():
        if strange := [level for level in arm.levels or () if level not in fragments.levels]:
            known = ", ".join(fragments.levels)
            yield f"arms.{name}.levels", strange, f"enhancement.fragments.levels has {known} alone"


def _counts(recipe: Recipe) -> Iterator[Fault]:
    for name, source in COUNTED.items():
        if name not in recipe.methods:
            continue
        count = getattr(recipe.generation.settings(name), "count", None)
        there = sum(selection.count for selection in recipe.part(source))
        if count is not None and there and count > there:
            yield f"generation.{name}.count", count, f"it must be at most {there}, the sum of the counts of {source}"


def _limits(recipe: Recipe) -> Iterator[Fault]:
    perplexity = recipe.enhancement.perplexity
    if perplexity is None:
        return
    least, most = limits(perplexity)
    if least is not None and most is not None and least >= most:
        by_itself = f", which {IFD} has where nothing is said" if perplexity.at_most is None else ""
        yield "enhancement.perplexity.at_least", least, f"it must be below at_most, {most:g}{by_itself}"


def _centres(recipe: Recipe) -> Iterator[Fault]:
    """k-center takes `select` rows and no more: an arm that trains on more would have too few."""
    diversity, curation = recipe.curation.diversity, recipe.curation
    if diversity is None or diversity.rule != "k_center" or diversity.select is None:
        return
    sizes = {
        name: arm.rows or (0 if arm.response_tokens else curation.rows or 0)
        for name, arm in recipe.arms.items()
        if "diversity" in arm.filters
    }
    largest = max(sizes, key=lambda name: sizes[name], default=None)
    if largest is not None and diversity.select < sizes[largest]:
        what = f"it must be at least {sizes[largest]}, the rows that arm {largest!r} trains on"
        yield "curation.diversity.select", diversity.select, what


def _resamples(recipe: Recipe) -> Iterator[Fault]:
    """The least p-value that resampling can show, by Holm's method for as many comparisons as there are arms (all but
    one of the arms and the base are compared), must be one that counts."""
    evaluation, arms = recipe.evaluation, len(recipe.arms)
    needed = max(1, math.floor(2 * arms / (1 - evaluation.confidence)) - 1)
    while arms * 2 / (needed + 1) > 1 - evaluation.confidence:
        needed += 1
    if evaluation.resamples < needed:
        what = f"it must be at least {needed}: with fewer, {arms} arms at confidence {evaluation.confidence:g} could "
        yield "evaluation.resamples", evaluation.resamples, f"{what}never be told from noise"
