"""Recipe → Dagster Definitions; nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import dagster as dg

from assets.building.automation import automation_condition, automation_sensor
from assets.building.dagster_assets import to_asset
from assets.building.display import Display
from assets.building.io_manager import WarehouseIOManager
from assets.loading.file import load_recipe
from assets.loading.pinning import refuse_unpinned
from assets.planning.graph import steps
from assets.recipe.declarations import declarations
from assets.recipe.types import Recipe
from resources.models.quiet import quiet
from resources.tools.locations import recipe_path, warehouse_path
from resources.tools.workbench import Material, Workbench
from warehouse.core.identity import canonical

AUTOMATIC = "SLINGSHOT_AUTOMATIC"


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


def define(recipe: Recipe, bench: Workbench, display: Display | None = None, automatic: bool = False) -> dg.Definitions:
    """The graph of `recipe`. One process builds it all: it shares the loaded model, and DuckDB has one writer.

    With `automatic`, assets that call no model carry a condition under which Dagster's daemon rebuilds them.
    """
    _, _, terms = declarations(recipe)
    return dg.Definitions(
        assets=[
            to_asset(
                step,
                bench,
                recipe.retries,
                terms,
                display or Display(),
                automation_condition(step) if automatic else None,
            )
            for step in steps(recipe)
        ],
        sensors=[automation_sensor()] if automatic else [],
        resources={"warehouse": WarehouseIOManager(bench.store)},
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What Dagster loads."""
    quiet()
    path = recipe_path()
    recipe = load_recipe(path)
    refuse_unpinned(recipe, path)
    bench = workbench(recipe, warehouse_path(), path.parent)
    return define(recipe, bench, automatic=bool(os.environ.get(AUTOMATIC)))
