"""The full recipe: the types of assets/recipe, with the keys that methods, benchmarks and diversity rules declare."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal, get_type_hints

from pydantic import Field, create_model

from assets.curation.diversity import RULES
from assets.evaluation.benchmark import benchmarks
from assets.generation.method import methods
from assets.recipe.parts import Part
from assets.recipe.types import Curation, Diversity, Evaluation, Generation, Recipe
from assets.recipe.values import Name


def _with_settings(base: type[Part], settings: Mapping[str, type[Part]]) -> type[Part]:
    """`base` with an optional key for each of `settings`, by name."""
    keys: dict[str, Any] = {name: (kind | None, None) for name, kind in settings.items()}
    return create_model(base.__name__, __base__=base, __doc__=base.__doc__, **keys)


def _variant(method: str, settings: type[Part]) -> type[Part]:
    """The settings of a method, and the key that names it."""
    key: dict[str, Any] = {"method": (Literal[method], ...)}
    return create_model(settings.__name__, __base__=settings, __doc__=settings.__doc__, **key)


VARIANTS = {name: _variant(name, method.settings) for name, method in methods().items()}
"""The types of the variants of each method."""

_VARIANT: Any = Annotated[reduce(or_, VARIANTS.values()), Field(discriminator="method")]
_GENERATION = create_model(
    Generation.__name__,
    __base__=_with_settings(Generation, {name: method.settings for name, method in methods().items()}),
    __doc__=Generation.__doc__,
    variants=(dict[Name, _VARIANT], Field(default_factory=dict)),
)
_EVALUATION = _with_settings(Evaluation, {name: benchmark.settings for name, benchmark in benchmarks().items()})


def _with_rules() -> type[Diversity]:
    """Diversity with the rules that there are, and the keys of all of them, each of which may be left out."""
    keys: dict[str, Any] = {"rule": (Literal[tuple(RULES)], Diversity().rule)}
    for rule in RULES.values():
        kinds = get_type_hints(rule.settings, include_extras=True)
        keys |= {key: (kinds[key] | None, None) for key in rule.settings.model_fields}
    return create_model(Diversity.__name__, __base__=Diversity, __doc__=Diversity.__doc__, **keys)


FullDiversity = _with_rules()
"""The type of `curation.diversity` in a recipe from a file."""

_CURATION = _with_settings(Curation, {"diversity": FullDiversity})

FullRecipe: type[Recipe] = create_model(
    "FullRecipe",
    __base__=Recipe,
    __doc__=Recipe.__doc__,
    generation=(_GENERATION, ...),
    curation=(_CURATION, ...),
    evaluation=(_EVALUATION, ...),
)
"""The type of every recipe that is loaded from a file."""
