"""The entry point of Dagster: turns the recipe into Definitions."""

from __future__ import annotations

import os

import dagster as dg

from assets.building.define import AUTOMATIC, define
from assets.loading.bench import workbench
from assets.loading.file import load_recipe
from assets.loading.local_models import refuse_missing_layers
from assets.loading.pinning import refuse_unpinned
from resources.models.quiet import quiet
from resources.tools.locations import cache_path, environment_name, recipe_path, warehouse_path


@dg.definitions
def defs() -> dg.Definitions:
    """The Definitions that Dagster loads."""
    quiet()
    path = recipe_path()
    recipe = load_recipe(path)
    refuse_unpinned(recipe, path)
    bench = workbench(recipe, warehouse_path(), path.parent, cache_path(), environment_name())
    refuse_missing_layers(recipe, bench, path)
    return define(recipe, bench, automatic=bool(os.environ.get(AUTOMATIC)))
