"""Builds the workbench of a recipe: what fetches and loads the models and sources that the recipe declares."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from assets.loading.deployment import fleets_for, tables_for, workers_for
from assets.recipe.declarations import materials
from assets.recipe.types import Recipe
from resources.endpoint.settings import Settings
from resources.models.engines import Wanted
from resources.tools.workbench import Workbench
from warehouse.core.identity import canonical

CACHE_FOLDER = "cache"
"""Where a warehouse of before there was a cache for all of them has its downloads."""


def workbench(
    recipe: Recipe,
    data: Path,
    base: Path,
    cache: Path | None = None,
    environment: str = "",
    older: Sequence[Path] = (),
    embedded: bool = False,
) -> Workbench:
    """The workbench of a recipe, for an environment of its warehouse ("" for the main one).

    Relative `path:` addresses start at `base`. Downloads go to `cache`, or to a folder in `data` if that is None. What
    is in that folder, or in one of the `older` ones, is not downloaded again. The deployment file beside the recipe
    says where the tables are, unless they are `embedded` in a file, what computes, and which servers are asked. Raises
    DeploymentError.
    """
    declared = materials(recipe)
    by_role = {role: {one.name: one for one in declared if one.role == role} for role in ("model", "source")}
    return Workbench(
        data,
        base,
        models=by_role["model"],
        sources=by_role["source"],
        cache_folder=cache,
        older_caches=(data / CACHE_FOLDER, *older) if cache else older,
        ancestors=tuple(one for one in declared if one.role == "ancestor"),
        endpoints=Settings(**dict(recipe.endpoint)),
        fleets=fleets_for(base, {name: part.address for name, part in recipe.models.items()}),
        recipe=canonical(recipe.model_dump(mode="json", exclude_none=True)),
        chunk=recipe.chunk,
        environment=environment,
        engines={name: Wanted(part.engine, part.precision) for name, part in recipe.models.items()},
        thoughts={name: part.thoughts for name, part in recipe.models.items() if part.thoughts is not None},
        workers=workers_for(base),
        tables=tables_for(base, embedded),
    )
