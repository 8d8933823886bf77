"""Checks settings of a recipe against the models that are on this machine already. Nothing is downloaded or hashed."""

from __future__ import annotations

from pathlib import Path

from assets.loading.rules import Problem
from assets.recipe.parts import LoraPart
from assets.recipe.types import Recipe
from resources.models.layers import lora_faults
from resources.tools.workbench import Workbench
from warehouse.core.errors import UserError


def refuse_missing_layers(recipe: Recipe, bench: Workbench, path: Path) -> None:
    """Raises UserError if a LoRA adapter of the recipe at `path` is to be put on layers that its model does not have.

    Otherwise a build would fail at the training, after the generation has been paid for.
    """
    trainings: dict[str, tuple[str, LoraPart]] = {"training": (recipe.training.base, recipe.training)}
    if backward := recipe.generation.backward_model:
        trainings["generation.backward_model"] = (recipe.generation.model, backward)
    problems = []
    for key, (model, settings) in trainings.items():
        if folder := bench.model_folder(model, fetch=False):
            faults = lora_faults(folder.path, settings.target_modules, settings.last_layers)
            problems += [Problem(f"{key}.{name}", found, right) for name, (found, right) in faults.items()]
    if problems:
        raise UserError("\n  ".join([f"{path} cannot be used:", *map(str, problems)]))
