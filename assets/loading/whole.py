"""The full recipe: the types of assets/recipe, with one more key for each method and each benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import create_model

from assets.evaluation.benchmark import benchmarks
from assets.generation.method import methods
from assets.recipe.parts import Part
from assets.recipe.types import Evaluation, Generation, Recipe


def _with_settings(base: type[Part], settings: Mapping[str, type[Part]]) -> type[Part]:
    """`base` with an optional key for each of `settings`, by name."""
    keys: dict[str, Any] = {name: (kind | None, None) for name, kind in settings.items()}
    return create_model(base.__name__, __base__=base, __doc__=base.__doc__, **keys)


_GENERATION = _with_settings(Generation, {name: method.settings for name, method in methods().items()})
_EVALUATION = _with_settings(Evaluation, {name: benchmark.settings for name, benchmark in benchmarks().items()})

FullRecipe: type[Recipe] = create_model(
    "FullRecipe", __base__=Recipe, __doc__=Recipe.__doc__, generation=(_GENERATION, ...), evaluation=(_EVALUATION, ...)
)
"""The type of every recipe that is loaded from a file."""
