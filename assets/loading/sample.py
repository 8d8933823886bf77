"""A recipe cut down to a few rows: the same graph, built in a short time to see whether it does what it should.

How it is cut is our choice. Every selection takes at most so many rows, and every method makes at most so many pairs or
calls. A training set takes half of them, since filters drop some, and a benchmark half of its items. Every training
takes one epoch, and holds out no rows.
"""

from __future__ import annotations

from typing import Any

from assets.generation.rounds import draw_of
from assets.recipe.parts import UntilPart
from assets.recipe.types import Recipe

_CUT = ("count", "calls", "most")
"""The keys of methods that say how much they make."""


def sampled(recipe: Recipe, rows: int) -> Recipe:
    """The recipe with at most `rows` rows for each selection and method, and half of them for each training set."""
    half = max(1, rows // 2)

    def cut(part: Any, most: int, *keys: str) -> Any:
        small = {key: min(value, most) for key in keys if (value := getattr(part, key, None)) is not None}
        return part.model_copy(update=small)

    selections = {
        role: tuple(cut(one, most, "count") for one in recipe.part(role))
        for role, most in (("seed_tasks", rows), ("documents", rows), ("benchmark_items", half))
    }
    small = recipe.model_copy(
        update={
            **selections,
            "training": _short(recipe.training),
            "curation": _sized(recipe.curation, half),
            "arms": {name: _sized(arm, half) for name, arm in recipe.arms.items()},
        }
    )
    generation = small.generation
    if generation.backward_model:
        generation = generation.model_copy(update={"backward_model": _short(generation.backward_model)})
    for name in recipe.methods:
        generation = generation.with_settings(name, cut(recipe.generation.settings(name), rows, *_CUT))
    small = small.model_copy(update={"generation": generation})
    return _without_more_draws(small)


def _sized(part: Any, rows: int) -> Any:
    """A size in rows, also where it was one in tokens: of a few rows nobody knows how many tokens they will have."""
    if part.rows is None and part.response_tokens is None:
        return part
    return part.model_copy(update={"rows": min(part.rows or rows, rows), "response_tokens": None})


def _short(training: Any) -> Any:
    return training.model_copy(update={"epochs": 1, "validation": None})


def _without_more_draws(recipe: Recipe) -> Recipe:
    """Methods that draw until their arms have enough draw once."""
    generation = recipe.generation
    for name in recipe.methods:
        settings, draw = generation.settings(name), draw_of(recipe, name)
        if isinstance(settings, UntilPart) and draw is not None:
            generation = generation.with_settings(name, settings.model_copy(update={"at_most": draw.count}))
    return recipe.model_copy(update={"generation": generation})
