"""Rules about the methods of a recipe: what each needs, and the names by which arms and other methods refer to it."""

from __future__ import annotations

from collections.abc import Iterator

from assets.generation.method import method_in, methods, read_by
from assets.loading.filters import Fault
from assets.recipe.types import Recipe
from assets.steps.names import BACKWARD_MODEL, DOCUMENTS, FRAGMENTS
from warehouse.core.closure import closure
from warehouse.core.texts import nearest


def method_faults(recipe: Recipe) -> Iterator[Fault]:
    """What is wrong with the methods, their variants, and how arms use them."""
    for name in recipe.methods:
        yield from _names(recipe, name)
        yield from _needs(recipe, name)
    yield from _arms(recipe)


def _names(recipe: Recipe, name: str) -> Iterator[Fault]:
    path = recipe.generation.path(name)
    if name in recipe.generation.variants and name in methods():
        yield path, name, "this is the name of a method; give the variant another name"
    for other in read_by(recipe, name):
        if other not in recipe.methods:
            yield f"generation.{other}", None, f"{path} needs its settings"
        elif other == name:
            yield f"{path}.of", other, "it must name another method"
        elif name in closure([other], lambda one: read_by(recipe, one)):
            yield path, name, f"it is made from {other}, which is made from it"


def _needs(recipe: Recipe, name: str) -> Iterator[Fault]:
    method, settings, path = method_in(recipe, name), recipe.generation.settings(name), recipe.generation.path(name)
    needed = {
        BACKWARD_MODEL: ("generation.backward_model", recipe.generation.backward_model, "its settings"),
        DOCUMENTS: ("documents", list(recipe.documents), "at least one selection of documents"),
        FRAGMENTS: ("enhancement.fragments", recipe.enhancement.fragments, "its settings"),
    }
    for asset, (place, value, what) in needed.items():
        if asset in method.inputs and not value:
            yield place, value, f"{path} needs {what}"
    for key, model in method.models(settings):
        if model not in recipe.models:
            yield f"{path}.{key}", model, f"it must name a model of the recipe; {nearest(model, recipe.models)}"
    for key, found, accepted in method.faults(settings):
        # A method names its own keys; a variant has them elsewhere.
        yield f"{path}.{key}", found, accepted.replace(f"generation.{recipe.generation.method(name)}.", f"{path}.")


def _arms(recipe: Recipe) -> Iterator[Fault]:
    known = sorted({*methods(), *recipe.methods})
    with_levels = [name for name in known if method_in(recipe, name).has_levels]
    for arm_name, arm in recipe.arms.items():
        for index, name in enumerate(arm.methods):
            path = f"arms.{arm_name}.methods.{index}"
            if name not in known:
                yield path, name, f"it must name a method of the recipe; {nearest(name, known)}"
            elif name not in recipe.methods:
                yield path, name, f"generation.{name} is needed to build it"
        if arm.levels and not set(with_levels).intersection(arm.methods):
            yield f"arms.{arm_name}.levels", list(arm.levels), f"only pairs of {', '.join(with_levels)} have a level"
