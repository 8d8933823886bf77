"""The command `slingshot`: what builds is here, what asks and vouches is in assets/commands."""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assets.commands import auditing, checking, releasing, reporting
from assets.commands.terminal import (
    AsJson,
    RecipeOption,
    WarehouseOption,
    clear_errors,
    console,
    folder,
    print_json,
    settle,
    store,
)

if TYPE_CHECKING:
    from rich.console import Console

    from assets.recipe.types import Recipe
    from warehouse.store.versions import Store

Selection = Annotated[str | None, typer.Argument(help="Assets in Dagster's selection syntax, such as '+leaderboard'.")]

app = typer.Typer(
    help="A declarative build system for instruction-tuning datasets made with open models only.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


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

    from assets.loading.pinning import refuse_unpinned
    from assets.planning.graph import steps
    from assets.planning.plan import Planner
    from assets.reporting.tables import plan_summary, plan_table
    from definitions import define, workbench

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
    _print_leaderboard(terminal, store(data))


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
    from assets.building.display import TerminalDisplay
    from assets.building.run import build_stale
    from assets.loading.pinning import refuse_unpinned
    from assets.planning.graph import steps
    from assets.planning.plan import Planner
    from definitions import define, workbench

    refuse_unpinned(loaded, path)
    bench = workbench(loaded, data, path.parent)
    with TerminalDisplay(terminal) as display, dagster_instance(data) as instance:
        definitions, planner = define(loaded, bench, display), Planner(bench, loaded.retries, foresee=False)
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
    from assets.building.serving import serve
    from assets.loading.file import load_recipe
    from definitions import AUTOMATIC
    from resources.tools.locations import HOME

    dagster_instance(data).dispose()  # the storage is there before server and runs open it
    os.environ[AUTOMATIC] = "1" if automatic else ""
    serve(HOME, dagster_home(data), port, automatic, lambda: load_recipe(path).model_dump_json(), typer.echo)


@app.command()
@clear_errors
def status(
    recipe: RecipeOption = None,
    warehouse: WarehouseOption = None,
    as_json: AsJson = False,
) -> None:
    """Tell per asset its version, rows by outcome, and what its last build cost."""
    from assets.planning.graph import steps
    from assets.reporting.tables import stages_table, status_table
    from warehouse.audit.status import status

    loaded, _, data = settle(recipe, warehouse)
    opened = store(data)
    graph = steps(loaded)
    found = status(opened.database, [step.asset for step in graph])
    if as_json:
        print_json(found)
        return
    terminal = console()
    terminal.print(status_table(found))
    terminal.print("", stages_table([step.group for step in graph], found))
    _print_leaderboard(terminal, opened)


@app.command()
@clear_errors
def gc(
    keep: Annotated[int, typer.Option(min=1, help="How many versions of each asset stay, last used first.")] = 3,
    calls: Annotated[
        bool, typer.Option("--calls", help="Free model calls, too, that led to no row that stays; not beside a build.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be freed.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    warehouse: WarehouseOption = None,
) -> None:
    """Free old versions that no current, recent or exported one was made from; tell first what that would be."""
    from assets.reporting.tables import garbage_tables, mebibytes
    from warehouse.store.collection import collect, find_garbage

    database = store(folder(warehouse)).database
    garbage = find_garbage(database, keep, calls)
    if garbage.nothing:
        typer.echo("nothing to free")
        return
    terminal = console()
    for shown in garbage_tables(garbage):
        terminal.print(shown, "")
    if dry_run:
        return
    if not yes and not sys.stdin.isatty():
        typer.echo("nothing was freed; --yes frees it")
        return
    if not yes and not typer.confirm("Free this?"):
        typer.echo("nothing was freed")
        return
    before = database.path.stat().st_size
    collect(database, garbage)
    after = database.path.stat().st_size
    typer.echo(f"freed; the warehouse's file had {mebibytes(before)} MiB and has {mebibytes(after)} MiB now")


def _print_leaderboard(terminal: Console, opened: Store) -> None:
    from assets.reporting.standings import caveats
    from assets.reporting.tables import leaderboard_table

    published = opened.current("leaderboard")
    if published is None:
        return
    standings, recipe = opened.read(published), opened.named(published).recipe
    terminal.print("", leaderboard_table(standings, recipe["evaluation.baseline"]))
    for caveat in caveats(standings, [(key.split("/")[0], key.split("/")[1]) for key in recipe["metrics"]]):
        typer.echo(caveat)


app.add_typer(checking.app)
app.add_typer(auditing.app)
app.add_typer(releasing.app)
app.add_typer(reporting.app)


def main() -> None:
    """The console script."""
    from resources.models.quiet import quiet

    quiet()
    app()


if __name__ == "__main__":
    main()
