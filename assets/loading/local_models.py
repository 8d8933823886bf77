"""Checks a recipe against the models and the processor of this machine. Nothing is downloaded or hashed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from assets.loading.file import recipe_error
from assets.loading.rules import Problem
from assets.loading.trainings import trainings
from assets.recipe.types import Recipe
from resources.models.device import lacks_amx
from resources.models.engines import computes_bfloat16
from resources.models.layers import lora_faults
from resources.tools.servers import is_served
from resources.tools.workbench import Workbench


def refuse_missing_layers(recipe: Recipe, bench: Workbench, path: Path) -> None:
    """Raises RecipeError if the recipe at `path` has one of the problems of `missing_layers`."""
    if found := list(missing_layers(recipe, bench)):
        raise recipe_error(path, found)


def missing_layers(recipe: Recipe, bench: Workbench) -> Iterator[Problem]:
    """LoRA adapters that are to be put on layers that their model does not have.

    Otherwise a build would fail at the training, after the generation has been paid for.
    """
    for key, (model, settings) in trainings(recipe).items():
        if settings.method == "lora" and (folder := bench.model_folder(model, fetch=False)):
            faults = lora_faults(folder.path, settings.target_modules, settings.last_layers)
            yield from (Problem(f"{key}.{name}", found, right) for name, (found, right) in faults.items())


def engines(recipe: Recipe, bench: Workbench) -> dict[str, str]:
    """What writes the completions of each model: an engine with its numbers, such as "openvino, float32 on cpu", or a
    server. Models that only embed are left out."""
    embedders = _embedders(recipe)
    return {
        name: part.address
        if bench.at_endpoint(name)
        else f"servers: {', '.join(bench.fleets[name].urls)}"
        if is_served(bench, name, "completions")
        else str(bench.engine(name))
        for name, part in recipe.models.items()
        if name not in embedders
    }


def _embedders(recipe: Recipe) -> set[str | None]:
    """The models that the recipe names as an `embedder`, and not as one that writes."""
    parts = [recipe.curation.diversity, recipe.enhancement.alignment]
    parts += [recipe.generation.settings(name) for name in recipe.methods]
    parts += [recipe.evaluation.settings(name) for name in recipe.benchmarks]
    named = {getattr(part, "embedder", None) for part in parts}
    return named - {recipe.generation.model, recipe.training.base}


def faster(recipe: Recipe, bench: Workbench) -> list[str]:
    """The models that could write in bfloat16 on this processor, which is faster, and for which the recipe says nothing
    about it."""
    shown = engines(recipe, bench)
    writing = [name for name in shown if not (bench.at_endpoint(name) or is_served(bench, name, "completions"))]
    free = [name for name in writing if recipe.models[name].precision is None]
    slow = [
        name for name in free if (engine := bench.engine(name)).name == "openvino" and engine.precision == "float32"
    ]
    return slow if slow and computes_bfloat16() else []


def slower(recipe: Recipe) -> list[str]:
    """The keys of trainings in bfloat16, where this processor trains faster in float32."""
    found = [at for at, (_, settings) in trainings(recipe).items() if settings.precision == "bfloat16"]
    return found if found and lacks_amx() else []
