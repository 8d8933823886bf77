"""Checks settings of a recipe against the models that are on this machine already. Nothing is downloaded or hashed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from assets.loading.file import recipe_error
from assets.loading.rules import Problem
from assets.recipe.parts import LoraPart
from assets.recipe.types import Recipe
from resources.models.layers import lora_faults
from resources.tools.workbench import Workbench


def refuse_missing_layers(recipe: Recipe, bench: Workbench, path: Path) -> None:
    """Raises RecipeError if the recipe at `path` has one of the problems of `missing_layers`."""
    if found := list(missing_layers(recipe, bench)):
        raise recipe_error(path, found)


def missing_layers(recipe: Recipe, bench: Workbench) -> Iterator[Problem]:
    """LoRA adapters that are to be put on layers that their model does not have.

    Otherwise a build would fail at the training, after the generation has been paid for.
    """
    trainings: dict[str, tuple[str, LoraPart]] = {"training": (recipe.training.base, recipe.training)}
    if backward := recipe.generation.backward_model:
        trainings["generation.backward_model"] = (recipe.generation.model, backward)
    for key, (model, settings) in trainings.items():
        if folder := bench.model_folder(model, fetch=False):
            faults = lora_faults(folder.path, settings.target_modules, settings.last_layers)
            yield from (Problem(f"{key}.{name}", found, right) for name, (found, right) in faults.items())
