"""A recipe cut down to a few rows: the same graph, built in a short time to see whether it does what it should.

How it is cut is our choice. Every selection takes at most so many rows, and every method makes at most so many pairs or
calls, of two candidates at most. A training set takes a quarter of them, since filters drop some, and a benchmark half
of its items, with short answers. Every training takes one epoch, and holds out no rows. Where the recipe leaves the
engine of a model to the machine, a sample uses transformers: for a few calls, OpenVINO's export of each trained model
takes longer than it saves.
"""

from __future__ import annotations

from typing import Any

from assets.generation.rounds import draw_of
from assets.recipe.materials import ModelPart
from assets.recipe.parts import SamplingPart, UntilPart
from assets.recipe.types import Recipe
from resources.fetching.addresses import Address

_CUT = ("count", "calls", "most")
"""The keys of methods that say how much they make."""
_CANDIDATES = 2
_ANSWER_TOKENS = 24


def sampled(recipe: Recipe, rows: int) -> Recipe:
    """The recipe with at most `rows` rows for each selection and method, and a quarter of them for a training set."""
    half, quarter = max(1, rows // 2), max(1, rows // 4)

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
            "models": {name: _without_export(model) for name, model in recipe.models.items()},
            "training": _short(recipe.training),
            "curation": _sized(recipe.curation, quarter),
            "arms": {name: _sized(arm, quarter) for name, arm in recipe.arms.items()},
        }
    )
    generation = small.generation
    if generation.backward_model:
        generation = generation.model_copy(update={"backward_model": _short(generation.backward_model)})
    for name in recipe.methods:
        fewer = cut(recipe.generation.settings(name), rows, *_CUT)
        generation = generation.with_settings(name, cut(fewer, _CANDIDATES, "candidates"))
    shorter = {
        name: settings.model_copy(update={"answer": cut(settings.answer, _ANSWER_TOKENS, "max_new_tokens")})
        for name in recipe.benchmarks
        if isinstance(getattr(settings := recipe.evaluation.settings(name), "answer", None), SamplingPart)
    }
    small = small.model_copy(
        update={"generation": generation, "evaluation": recipe.evaluation.model_copy(update=shorter)}
    )
    return _without_more_draws(small)


def _sized(part: Any, rows: int) -> Any:
    """A size in rows, also where it was one in tokens: of a few rows nobody knows how many tokens they will have."""
    if part.rows is None and part.response_tokens is None:
        return part
    return part.model_copy(update={"rows": min(part.rows or rows, rows), "response_tokens": None})


def _without_export(model: ModelPart) -> ModelPart:
    if model.engine or Address.parse(model.address).is_endpoint:
        return model
    return model.model_copy(update={"engine": "transformers"})


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
