"""Dagster Definitions of a recipe: its assets, resources and, on request, the sensor of automatic rebuilds."""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from assets.building.automation import automation_condition, automation_sensor
from assets.building.dagster_assets import to_asset
from assets.building.display import Display
from assets.building.io_manager import warehouse_io_manager
from assets.building.order import priorities
from assets.planning.graph import steps
from assets.planning.waiting import Waits, why_stale
from assets.recipe.declarations import declarations
from assets.recipe.types import Recipe
from assets.steps.step import Step
from resources.tools.workbench import Workbench
from warehouse.core.markdown import code_block
from warehouse.store.warehouse import now

AUTOMATIC = "SLINGSHOT_AUTOMATIC"
"""The environment variable that turns on automatic rebuilds of assets that call no model."""

PROBLEM, PROBLEM_GROUP = "the_recipe_cannot_be_used", "0_problem"
"""The asset that shows a problem of the recipe, and its group, which the UI lists first."""


def define(
    recipe: Recipe,
    bench: Workbench,
    display: Display | None = None,
    automatic: bool = False,
    explain: bool = False,
    problem: str = "",
) -> dg.Definitions:
    """The graph of `recipe`. One process builds all of it, to share the loaded model and because DuckDB has one writer.

    With `automatic`, assets that call no model get a condition under which Dagster's daemon rebuilds them. With
    `explain`, the description of an asset says why it is out of date. A `problem` of a later recipe that cannot be used
    is shown as an asset of its own, and every run fails with it.
    """
    _, _, terms = declarations(recipe)
    graph = {step.asset: step for step in steps(recipe)}
    first = priorities(graph.values())
    waits = Waits(graph, bench.store, recipe.retries)
    stale = _explained(graph, bench, recipe.retries) if explain else {}
    assets: list[dg.AssetsDefinition | dg.AssetSpec] = [
        to_asset(
            step,
            bench,
            recipe.retries,
            terms,
            display or Display(),
            automation_condition(step) if automatic else None,
            waits,
            stale.get(step.asset, ""),
            problem,
            first[step.asset],
        )
        for step in graph.values()
    ]
    return dg.Definitions(
        assets=[*assets, problem_shown(problem)] if problem else assets,
        sensors=[automation_sensor()] if automatic else [],
        resources={"warehouse": warehouse_io_manager(bench.store)},
        executor=dg.in_process_executor,
    )


def problem_shown(problem: str) -> dg.AssetSpec:
    """An asset that cannot be materialized and says in the graph what is wrong with the recipe."""
    # Dagster renders markdown in descriptions, and an error may quote anything: as a block of code it stays a text.
    return dg.AssetSpec(
        PROBLEM,
        description="The recipe cannot be used, so the graph is that of the last good one and nothing is built.\n\n"
        f"{code_block(problem)}",
        group_name=PROBLEM_GROUP,
        kinds={"yaml"},
    )


def _explained(graph: Mapping[str, Step], bench: Workbench, retries: int) -> dict[str, str]:
    """Why each asset that is out of date is so, as this is known when the graph is loaded."""
    with bench.database.read():
        catalog = bench.store.catalog()
        reasons = {asset: why_stale(step, bench.store, catalog, retries) for asset, step in graph.items()}
    loaded = f"{now():%H:%M:%S} UTC"
    return {asset: f"Out of date at {loaded}: {'; '.join(why)}." for asset, why in reasons.items() if why}
