"""The commands that build: plan, build, replay, up."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assets.commands.keeping import print_leaderboard
from assets.commands.terminal import (
    AsJson,
    RecipeOption,
    WarehouseOption,
    clear_errors,
    console,
    print_json,
    settle,
    store,
)

if TYPE_CHECKING:
    from rich.console import Console

    from assets.recipe.types import Recipe

app = typer.Typer()

Selection = Annotated[str | None, typer.Argument(help="Assets in Dagster's selection syntax, such as '+leaderboard'.")]


@app.command()
@clear_errors
def plan(
    selection: Selection = None,
    recipe: RecipeOption = None,
    warehouse: WarehouseOption = None,
    as_json: AsJson = False,
) -> None:
    """Tell what a build would do, why, and what it would cost, without doing any of it."""
    loaded, path, data = settle(recipe, warehouse)

    from assets.building.define import define
    from assets.loading.bench import workbench
    from assets.loading.pinning import refuse_unpinned
    from assets.planning.graph import steps
    from assets.planning.plan import Planner
    from assets.reporting.tables import plan_summary, plan_table

    refuse_unpinned(loaded, path)
    bench, chosen = workbench(loaded, data, path.parent), None
    if selection:
        from assets.building.run import selected

        chosen = selected(define(loaded, bench), selection)
    found = Planner(bench, loaded.retries).plan(steps(loaded), chosen)
    if as_json:
        print_json(found)
        return
    terminal = console()
    terminal.print(plan_table(found))
    terminal.print(f"\n{plan_summary(found)}", highlight=False)


@app.command()
@clear_errors
def build(
    selection: Selection = None,
    recipe: RecipeOption = None,
    warehouse: WarehouseOption = None,
) -> None:
    """Build what is stale, of everything or of a selection; then print the leaderboard."""
    loaded, path, data = settle(recipe, warehouse)
    terminal = console()
    if not _build(loaded, path, data, selection, terminal):
        terminal.print("nothing is stale", highlight=False)
    print_leaderboard(terminal, store(data))


@app.command()
@clear_errors
def replay(recipe: RecipeOption = None, warehouse: WarehouseOption = None) -> None:
    """Decide anew about quarantined rows, once source, recipe or code is mended; tell how many left quarantine."""
    loaded, path, data = settle(recipe, warehouse)
    from assets.planning.graph import steps

    before, known = _quarantined(data), {step.asset for step in steps(loaded)}
    for asset in before.keys() - known:
        typer.echo(f"{asset}: {before.pop(asset)} quarantined, and no longer in the recipe")
    if not before:
        typer.echo("nothing is quarantined")
        return
    selection = " or ".join(f'key:"{asset}"' for asset in before)
    if not _build(loaded, path, data, selection, console()):
        typer.echo("nothing was mended since these rows were set aside: source, recipe and code are what they were")
    after = _quarantined(data)
    for asset, rows in before.items():
        typer.echo(f"{asset}: {rows} quarantined before, {after[asset]} now")


def _quarantined(data: Path) -> Counter[str]:
    from warehouse.audit.why_not import quarantined

    rows = quarantined(store(data).database)
    return Counter(one.asset for row in rows for one in row.dropped if one.outcome == "quarantined")


def _build(loaded: Recipe, path: Path, data: Path, selection: str | None, terminal: Console) -> int:
    """How many assets were built; exits with 1 where one failed."""
    from assets.building.dagster_home import dagster_instance
    from assets.building.define import define
    from assets.building.display import TerminalDisplay
    from assets.building.run import build_stale
    from assets.loading.bench import workbench
    from assets.loading.pinning import refuse_unpinned
    from assets.planning.graph import steps
    from assets.planning.plan import Planner

    refuse_unpinned(loaded, path)
    bench = workbench(loaded, data, path.parent)
    with TerminalDisplay(terminal) as display, dagster_instance(data) as instance:
        definitions, planner = define(loaded, bench, display), Planner(bench, loaded.retries, forecast=False)
        failures = build_stale(definitions, instance, steps(loaded), planner, selection)
    for failure in failures:
        typer.echo(failure.trace, err=True, nl=False)
        typer.echo(f"slingshot: {failure.asset} failed: {failure.message}", err=True)
    if failures:
        raise typer.Exit(1)
    return display.assets


@app.command()
@clear_errors
def up(
    recipe: RecipeOption = None,
    warehouse: WarehouseOption = None,
    port: Annotated[int, typer.Option(help="The port on 127.0.0.1.")] = 3000,
    automatic: Annotated[
        bool, typer.Option("--automatic", help="Rebuild what calls no model by itself when the recipe changes.")
    ] = False,
) -> None:
    """Serve the Dagster UI on 127.0.0.1, its history kept in the warehouse; it follows edits of the recipe."""
    _, path, data = settle(recipe, warehouse)

    from assets.building.dagster_home import dagster_home, dagster_instance
    from assets.building.define import AUTOMATIC
    from assets.building.serving import serve
    from assets.loading.file import load_recipe
    from resources.tools.locations import HOME

    dagster_instance(data).dispose()  # the storage is there before server and runs open it
    os.environ[AUTOMATIC] = "1" if automatic else ""
    serve(HOME, dagster_home(data), port, automatic, lambda: load_recipe(path).model_dump_json(), typer.echo)
