"""The entry point of Dagster: turns the recipe into Definitions."""

from __future__ import annotations

import os

import dagster as dg

from assets.building.define import AUTOMATIC, define
from assets.building.last_recipe import last_recipe, remember_recipe
from assets.loading.bench import workbench
from assets.loading.file import load_recipe
from assets.loading.local_models import refuse_missing_layers
from assets.loading.pinning import refuse_unpinned
from resources.models.quiet import quiet
from resources.tools.locations import cache_path, environment_name, recipe_path, warehouse_path
from warehouse.core.errors import UserError


@dg.definitions
def defs() -> dg.Definitions:
    """The Definitions that Dagster loads. Where the recipe cannot be used, they are those of the last good one."""
    quiet()
    path, data, environment = recipe_path(), warehouse_path(), environment_name()
    try:
        recipe = load_recipe(path)
        refuse_unpinned(recipe, path)
        bench = workbench(recipe, data, path.parent, cache_path(), environment)
        refuse_missing_layers(recipe, bench, path)
    except UserError as error:
        if (last := last_recipe(data)) is None:
            raise
        bench = workbench(last, data, path.parent, cache_path(), environment)
        return define(last, bench, explain=True, problem=str(error))
    remember_recipe(recipe, data)
    return define(recipe, bench, automatic=bool(os.environ.get(AUTOMATIC)), explain=True)
