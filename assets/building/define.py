"""Dagster Definitions of a recipe: its assets, resources and, on request, the sensor of automatic rebuilds."""

from __future__ import annotations

import dagster as dg

from assets.building.automation import automation_condition, automation_sensor
from assets.building.dagster_assets import to_asset
from assets.building.display import Display
from assets.building.io_manager import WarehouseIOManager
from assets.planning.graph import steps
from assets.recipe.declarations import declarations
from assets.recipe.types import Recipe
from resources.tools.workbench import Workbench

AUTOMATIC = "SLINGSHOT_AUTOMATIC"
"""The environment variable that turns on automatic rebuilds of assets that call no model."""


def define(recipe: Recipe, bench: Workbench, display: Display | None = None, automatic: bool = False) -> dg.Definitions:
    """The graph of `recipe`. One process builds all of it, to share the loaded model and because DuckDB has one writer.

    With `automatic`, assets that call no model get a condition under which Dagster's daemon rebuilds them.
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
