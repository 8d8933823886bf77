"""The command `slingshot`: check, build, up, status, export."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from assets.recipe import Recipe
    from warehouse.status import AssetStatus
    from warehouse.store import Store

RecipeOption = Annotated[Path | None, typer.Option("--recipe", help="The recipe; the starter if not given.")]
WarehouseOption = Annotated[
    Path | None, typer.Option("--warehouse", help="The warehouse's folder; warehouse/data if not given.")
]

app = typer.Typer(
    help="A declarative build system for instruction-tuning datasets made with open models only.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _clear_errors(command: Callable[..., None]) -> Callable[..., None]:
    """Prints what the user can mend in one line and exits with 1; a defect keeps its traceback."""

    @wraps(command)
    def guarded(*args: Any, **kwargs: Any) -> None:
        from warehouse.errors import Mendable

        try:
            command(*args, **kwargs)
        except Mendable as error:
            typer.echo(f"slingshot: {error}", err=True)
            raise typer.Exit(1) from None

    return guarded


def _settle(recipe: Path | None, warehouse: Path | None) -> tuple[Recipe, Path, Path]:
    """(recipe, its path, the warehouse's folder); the environment carries both on to child processes."""
    from assets.recipe_file import load_recipe
    from definitions import RECIPE, WAREHOUSE, recipe_path, warehouse_path

    if recipe:
        os.environ[RECIPE] = str(recipe.resolve())
    if warehouse:
        os.environ[WAREHOUSE] = str(warehouse.resolve())
    return load_recipe(recipe_path()), recipe_path(), warehouse_path()


def _store(data: Path) -> Store:
    from warehouse.database import Database
    from warehouse.store import Store

    return Store(Database(data / "slingshot.duckdb"))


def _console() -> Console:
    from rich.console import Console

    # A pipe has no width of its own; lines are not to be folded there.
    return Console(width=None if sys.stdout.isatty() else 160)


@app.command()
@_clear_errors
def check(recipe: RecipeOption = None) -> None:
    """Check the recipe without building anything."""
    from assets.graph import steps

    loaded, path, _ = _settle(recipe, None)
    typer.echo(f"{path} is good: {len(steps(loaded))} assets, arms {', '.join(loaded.arms)}")


@app.command()
@_clear_errors
def build(
    selection: Annotated[
        str | None, typer.Argument(help="Assets in Dagster's selection syntax, such as '+leaderboard'.")
    ] = None,
    recipe: RecipeOption = None,
    warehouse: WarehouseOption = None,
) -> None:
    """Build everything, or a selection, in one process; then print the leaderboard."""
    loaded, path, data = _settle(recipe, warehouse)

    from assets.building import build_assets
    from assets.display import TerminalDisplay
    from definitions import define, workbench
    from warehouse.dagster_home import dagster_instance

    console = _console()
    with TerminalDisplay(console) as display, dagster_instance(data) as instance:
        definitions = define(loaded, workbench(loaded, data, path.parent), display)
        failures = build_assets(definitions, instance, selection)
    for failure in failures:
        typer.echo(failure.trace, err=True, nl=False)
        typer.echo(f"slingshot: {failure.asset} failed: {failure.message}", err=True)
    if failures:
        raise typer.Exit(1)
    _print_leaderboard(console, _store(data))


@app.command()
@_clear_errors
def up(
    recipe: RecipeOption = None,
    warehouse: WarehouseOption = None,
    port: Annotated[int, typer.Option(help="The port on 127.0.0.1.")] = 3000,
) -> None:
    """Serve the Dagster UI on 127.0.0.1, its history kept in the warehouse."""
    _, _, data = _settle(recipe, warehouse)

    from definitions import HOME
    from warehouse.dagster_home import dagster_instance

    dagster_instance(data).dispose()  # the storage is there before server and runs open it
    server = [sys.executable, "-m", "dagster_webserver", "-h", "127.0.0.1", "-p", str(port)]
    os.chdir(HOME)
    os.execv(sys.executable, [*server, "-m", "definitions"])


@app.command()
@_clear_errors
def status(
    recipe: RecipeOption = None,
    warehouse: WarehouseOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Tell per asset its version, rows by outcome, and what its last build cost."""
    from assets.graph import steps
    from warehouse.status import status

    loaded, _, data = _settle(recipe, warehouse)
    store = _store(data)
    graph = steps(loaded)
    found = status(store.database, [step.asset for step in graph])
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found], indent=2))
        return
    console = _console()
    _print_assets(console, found)
    _print_stages(console, [step.group for step in graph], found)
    _print_leaderboard(console, store)


@app.command()
@_clear_errors
def export(
    arm: Annotated[str, typer.Argument(help="The arm whose training set to write.")],
    to: Annotated[Path, typer.Option(help="The folder to write into.")] = Path("exports"),
    recipe: RecipeOption = None,
    warehouse: WarehouseOption = None,
) -> None:
    """Write an arm's training set as JSONL (messages and Alpaca forms) and Parquet."""
    from assets.recipe_rules import nearest
    from warehouse.errors import Mendable
    from warehouse.export import export as write

    loaded, _, data = _settle(recipe, warehouse)
    if arm not in loaded.arms:
        raise Mendable(f"the recipe has no arm {arm!r}; {nearest(arm, loaded.arms)}")
    for path in write(_store(data), arm, to):
        typer.echo(str(path))


def _print_assets(console: Console, found: list[AssetStatus]) -> None:
    from rich.table import Table

    table = Table("asset", "version", "rows", "last build", "computed", "from memo", "tokens", "seconds", box=None)
    for column in table.columns[4:]:
        column.justify = "right"
    for one in found:
        rows = ", ".join(f"{count} {outcome}" for outcome, count in one.rows.items())
        seconds = "" if one.seconds is None else f"{one.seconds:.1f}"
        counts = ["" if count is None else str(count) for count in (one.computed, one.from_memo, one.tokens)]
        version = (one.version or "not built")[:9]
        table.add_row(one.asset, version, rows, one.action or "", *counts, seconds)
    console.print(table)


def _print_stages(console: Console, stages: list[str], found: list[AssetStatus]) -> None:
    from rich.table import Table

    table = Table("stage", "seconds of the last build", box=None)
    table.columns[1].justify = "right"
    for stage in dict.fromkeys(stages):
        seconds = sum(one.seconds or 0 for name, one in zip(stages, found, strict=True) if name == stage)
        table.add_row(stage, f"{seconds:.1f}")
    console.print("", table)


def _print_leaderboard(console: Console, store: Store) -> None:
    published = store.current("leaderboard")
    if published is None:
        return

    from rich.table import Table

    table = Table("metric", "arm", "mean", "over base", "items", box=None)
    for column in table.columns[2:]:
        column.justify = "right"
    for row in store.read(published).iter_rows(named=True):
        over = "" if row["over_base"] is None else f"{row['over_base']:+.2f}"
        table.add_row(row["metric"], row["arm"], f"{row['mean']:.2f}", over, str(row["items"]))
    console.print("", table)


def main() -> None:
    """The console script."""
    from resources.quiet import quiet

    quiet()
    app()


if __name__ == "__main__":
    main()
