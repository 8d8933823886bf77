"""The commands that build: plan, build, replay, up."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from assets.commands.completion import assets
from assets.commands.keeping import print_leaderboard, say_engines
from assets.commands.project import BuildFailed, Built, Project, project_at
from assets.commands.terminal import (
    CHANGES,
    AsJson,
    EnvironmentOption,
    RecipeOption,
    WarehouseOption,
    clear_errors,
    console,
    print_all,
    print_json,
    say,
)
from resources.tools.locations import ENVIRONMENT, HOME, RECIPE, WAREHOUSE

if TYPE_CHECKING:
    from assets.planning.planned import Planned

app = typer.Typer()

Selection = Annotated[
    str | None,
    typer.Argument(help="Assets in Dagster's selection syntax, such as '+leaderboard'.", autocompletion=assets),
]

Sample = Annotated[
    int | None,
    typer.Option(
        "--sample", min=2, help="Build the whole graph on so many rows, in the folder sample of the warehouse."
    ),
]


@app.command()
@clear_errors
def plan(
    selection: Selection = None,
    recipe: RecipeOption = None,
    warehouse: WarehouseOption = None,
    env: EnvironmentOption = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also show what is fresh, and what waits for what.")
    ] = False,
    detailed: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit with 2 if there is something to build; for scripts.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what a build would do, why, and what it would cost, without building anything.

    The exit status is 1 where a build would fail.
    """
    project = project_at(recipe, warehouse, env)
    found = project.plan(selection)
    if as_json:
        print_json(found)
    else:
        _print_plan(project, found, selection, everything)
    if any(one.error for one in found):
        raise typer.Exit(1)
    if detailed and any(one.state != "fresh" for one in found):
        raise typer.Exit(CHANGES)


def _print_plan(project: Project, found: Sequence[Planned], selection: str | None, everything: bool) -> None:
    from assets.reporting.plan_tables import plan_lines, plan_summary

    terminal = console()
    inputs = {step.asset: [*step.inputs.values()] for step in project.steps}
    if lines := [*plan_lines(found, inputs, terminal.width, everything)]:
        print_all(terminal, [*lines, ""])
    print_all(terminal, [plan_summary(found)])
    if any(one.calls != 0 for one in found):
        say_engines(project)
    if any(one.error for one in found):
        say("next: change what fails, then slingshot plan")
    elif any(one.state != "fresh" for one in found):
        options = f" --env {project.environment}" if project.environment else ""
        say(f"next: slingshot build{f' {shlex.quote(selection)}' if selection else ''}{options}")


@app.command()
@clear_errors
def build(
    selection: Selection = None,
    sample: Sample = None,
    recipe: RecipeOption = None,
    warehouse: WarehouseOption = None,
    env: EnvironmentOption = None,
    as_json: AsJson = False,
) -> None:
    """Build what is stale, of everything or of a selection, and show the leaderboard.

    With --json, print what was built, restored and left unchanged; progress goes to stderr.
    """
    project = project_at(recipe, warehouse, env)
    if sample:
        project = project.sample(sample)
        say(f"a sample of {sample} rows per selection and method, in {project.warehouse}", error=as_json)
    done = build_shown(project, selection, as_json)
    if as_json:
        print_json(done)
    else:
        print_leaderboard(project, brief=True)


@app.command()
@clear_errors
def replay(
    recipe: RecipeOption = None,
    warehouse: WarehouseOption = None,
    env: EnvironmentOption = None,
    as_json: AsJson = False,
) -> None:
    """Check quarantined rows again after a fix of source, recipe or code; show how many remain.

    With --json, print the quarantined rows of each asset before and now; progress goes to stderr.
    """
    project = project_at(recipe, warehouse, env)
    known, before = {step.asset for step in project.steps}, _quarantined(project)
    for asset in sorted(before.keys() - known):
        say(f"{asset}: {before.pop(asset)} quarantined, and no longer in the recipe", error=as_json)
    if before:
        done = build_shown(project, " or ".join(f'key:"{asset}"' for asset in before), as_json)
        if not done.built and not done.restored:
            say("source, recipe and code have not changed since these rows were quarantined", error=as_json)
    after = _quarantined(project) if before else before
    if as_json:
        print_json([{"asset": asset, "before": rows, "now": after[asset]} for asset, rows in before.items()])
        return
    for asset, rows in before.items():
        say(f"{asset}: {rows} quarantined before, {after[asset]} now")
    if not before:
        say("nothing is quarantined")


def _quarantined(project: Project) -> Counter[str]:
    """How many quarantined rows each asset has."""
    from warehouse.audit.why_not import quarantined

    rows = quarantined(project.database)
    return Counter(one.asset for row in rows for one in row.dropped if one.outcome == "quarantined")


def build_shown(project: Project, selection: str | None, aside: bool = False) -> Built:
    """Builds with progress on the terminal, `aside` on stderr; where assets fail, prints why and exits with 1."""
    from assets.building.display import TerminalDisplay

    project.require_buildable()  # an error here must not come after the display's lines
    try:
        with TerminalDisplay(console(error=aside)) as display:
            done = project.build(selection, display)
    except BuildFailed as error:
        for failure in error.failures:
            if failure.trace:
                say(failure.trace.rstrip(), error=True)
            say(f"slingshot: {failure.asset} failed: {failure.message}", error=True)
        say(display.totals(), error=aside)
        raise typer.Exit(1) from None
    say(display.totals() if done.built or done.restored else f"nothing is stale: {display.totals()}", error=aside)
    return done


@app.command()
@clear_errors
def up(
    recipe: RecipeOption = None,
    warehouse: WarehouseOption = None,
    env: EnvironmentOption = None,
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
    from assets.loading.deployment import dagster_for
    from assets.loading.file import load_recipe

    project = project_at(recipe, warehouse, env)

    def state() -> str:
        return load_recipe(project.recipe_file).model_dump_json()

    state()  # a recipe that cannot be used is an error before anything starts
    deployed = dagster_for(project.recipe_file.parent)
    with dagster_instance(project.warehouse, deployed) as instance:  # the storage exists before server and runs open it
        close_dead_runs(instance, deployed)
    home = dagster_home(project.warehouse, deployed)
    # The server's processes read where recipe, warehouse and Dagster's storage are from the environment.
    os.environ |= {
        RECIPE: str(project.recipe_file),
        WAREHOUSE: str(project.warehouse),
        ENVIRONMENT: project.environment,
        "DAGSTER_HOME": str(home),
        AUTOMATIC: "1" if automatic else "",
    }
    serve(HOME, home, port, automatic, state, say)
