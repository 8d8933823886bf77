"""The commands that build: plan, build, replay, up."""

from __future__ import annotations

import os
from collections import Counter
from typing import Annotated

import typer

from assets.commands.keeping import print_leaderboard, say_engines
from assets.commands.project import BuildFailed, Built, Project, project_at
from assets.commands.terminal import AsJson, RecipeOption, WarehouseOption, clear_errors, console, print_json, say
from resources.tools.locations import HOME, RECIPE, WAREHOUSE

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
    """Show what a build would do, why, and what it would cost, without building anything.

    The exit status is 1 where a build would fail.
    """
    from assets.reporting.tables import plan_summary, plan_table

    project = project_at(recipe, warehouse)
    found = project.plan(selection)
    if as_json:
        print_json(found)
    else:
        terminal = console()
        terminal.print(plan_table(found))
        terminal.print(f"\n{plan_summary(found)}", highlight=False)
        if any(one.calls != 0 for one in found):
            say_engines(project)
    if any(one.error for one in found):
        raise typer.Exit(1)


@app.command()
@clear_errors
def build(
    selection: Selection = None,
    recipe: RecipeOption = None,
    warehouse: WarehouseOption = None,
) -> None:
    """Build what is stale, of everything or of a selection, and show the leaderboard."""
    project = project_at(recipe, warehouse)
    done = _build(project, selection)
    if not done.built and not done.restored:
        say("nothing is stale")
    print_leaderboard(project)


@app.command()
@clear_errors
def replay(recipe: RecipeOption = None, warehouse: WarehouseOption = None) -> None:
    """Check quarantined rows again after a fix of source, recipe or code; show how many remain."""
    project = project_at(recipe, warehouse)
    known, before = {step.asset for step in project.steps}, _quarantined(project)
    for asset in before.keys() - known:
        say(f"{asset}: {before.pop(asset)} quarantined, and no longer in the recipe")
    if not before:
        say("nothing is quarantined")
        return
    done = _build(project, " or ".join(f'key:"{asset}"' for asset in before))
    if not done.built and not done.restored:
        say("source, recipe and code have not changed since these rows were quarantined")
    after = _quarantined(project)
    for asset, rows in before.items():
        say(f"{asset}: {rows} quarantined before, {after[asset]} now")


def _quarantined(project: Project) -> Counter[str]:
    """How many quarantined rows each asset has."""
    from warehouse.audit.why_not import quarantined

    rows = quarantined(project.database)
    return Counter(one.asset for row in rows for one in row.dropped if one.outcome == "quarantined")


def _build(project: Project, selection: str | None) -> Built:
    """Builds with progress on the terminal; where assets fail, prints why and exits with 1."""
    from assets.building.display import TerminalDisplay

    project.require_buildable()  # an error here must not come after the display's lines
    try:
        with TerminalDisplay(console()) as display:
            return project.build(selection, display)
    except BuildFailed as error:
        for failure in error.failures:
            if failure.trace:
                say(failure.trace.rstrip(), error=True)
            say(f"slingshot: {failure.asset} failed: {failure.message}", error=True)
        raise typer.Exit(1) from None


@app.command()
@clear_errors
def up(
    recipe: RecipeOption = None,
    warehouse: WarehouseOption = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port on 127.0.0.1; 0 for any that is free.")] = 3000,
    automatic: Annotated[
        bool, typer.Option("--automatic", help="Rebuild what calls no model whenever the recipe changes.")
    ] = False,
) -> None:
    """Serve the Dagster UI at the address that is printed; it reloads when the recipe changes."""
    from assets.building.dagster_home import dagster_home, dagster_instance
    from assets.building.dead_runs import close_dead_runs
    from assets.building.define import AUTOMATIC
    from assets.building.serving import serve
    from assets.loading.file import load_recipe

    project = project_at(recipe, warehouse)

    def state() -> str:
        return load_recipe(project.recipe_file).model_dump_json()

    state()  # a recipe that cannot be used is an error before anything starts
    with dagster_instance(project.warehouse) as instance:  # the storage exists before server and runs open it
        close_dead_runs(instance)
    home = dagster_home(project.warehouse)
    # The server's processes read where recipe, warehouse and Dagster's storage are from the environment.
    os.environ |= {
        RECIPE: str(project.recipe_file),
        WAREHOUSE: str(project.warehouse),
        "DAGSTER_HOME": str(home),
        AUTOMATIC: "1" if automatic else "",
    }
    serve(HOME, home, port, automatic, state, say)
