"""The commands that show what is stored and free what is no longer needed: status, gc."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

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

    from warehouse.store.versions import Store

app = typer.Typer()


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
    print_leaderboard(terminal, opened)


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


def print_leaderboard(terminal: Console, opened: Store) -> None:
    """Prints the leaderboard of the warehouse, if it has one, with what its numbers do not cover."""
    from assets.reporting.standings import caveats
    from assets.reporting.tables import leaderboard_table

    published = opened.current("leaderboard")
    if published is None:
        return
    standings, recipe = opened.read(published), opened.named(published).recipe
    terminal.print("", leaderboard_table(standings, recipe["evaluation.baseline"]))
    for caveat in caveats(standings, [(key.split("/")[0], key.split("/")[1]) for key in recipe["metrics"]]):
        typer.echo(caveat)
