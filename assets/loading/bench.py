"""The models and sources that a recipe names, as a workbench that fetches and loads them."""

from __future__ import annotations

from pathlib import Path

from assets.recipe.types import Recipe
from resources.tools.workbench import Material, Workbench
from warehouse.core.identity import canonical


def workbench(recipe: Recipe, data: Path, base: Path, cache: Path | None = None) -> Workbench:
    """The workbench for a recipe; relative `path:` addresses start at `base`, downloads go to `cache` in `data`."""
    return Workbench(
        data,
        base,
        models={name: Material("model", name, **part.model_dump()) for name, part in recipe.models.items()},
        sources={name: Material("source", name, **part.model_dump()) for name, part in recipe.sources.items()},
        cache_folder=cache,
        ancestors=tuple(
            Material("ancestor", name, part.address or "", "", part.licence, part.origin, part.made_from)
            for name, part in recipe.ancestors.items()
        ),
        recipe=canonical(recipe.model_dump(mode="json", exclude_none=True)),
    )
