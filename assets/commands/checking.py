"""The commands that judge a recipe and make it ready: check, pin."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from assets.commands.terminal import RecipeOption, WarehouseOption, clear_errors, console, settle
from resources.tools.locations import warehouse_path

app = typer.Typer()


@app.command()
@clear_errors
def check(
    recipe: RecipeOption = None,
    cost: Annotated[bool, typer.Option("--cost", help="Also tell what a build costs at most, from nothing.")] = False,
    tokens_per_second: Annotated[
        float | None, typer.Option(min=0.001, help="With --cost: what the model writes, for an estimate in hours.")
    ] = None,
    trained_per_second: Annotated[
        float | None, typer.Option(min=0.001, help="With --cost: what a training goes through, likewise.")
    ] = None,
) -> None:
    """Check the recipe without building anything."""
    from assets.loading.pinning import unpinned
    from assets.loading.sizes import unused_methods
    from assets.planning.graph import steps
    from warehouse.core.texts import listed

    loaded, path, _ = settle(recipe, None)
    graph = steps(loaded)
    typer.echo(f"{path} is good: {len(graph)} assets, arms {', '.join(loaded.arms)}")
    if open_ := unpinned(loaded):
        typer.echo(f"unpinned: {listed(list(open_))}; before a build: slingshot pin --recipe {path}")
    if unused := unused_methods(loaded):
        typer.echo(f"not in any arm: {', '.join(f'raw_{name}' for name in unused)}")
    if not cost:
        return
    from assets.loading.bench import workbench
    from assets.planning.estimate import estimate
    from assets.planning.plan import Planner
    from assets.reporting.tables import estimate_summary, estimate_table

    with tempfile.TemporaryDirectory() as empty:
        bench = workbench(loaded, Path(empty), path.parent)
        planned = Planner(bench, loaded.retries).plan(graph)
    found = estimate(graph, planned)
    terminal = console()
    terminal.print("", estimate_table(found), "", sep="\n")
    terminal.print(estimate_summary(found, tokens_per_second, trained_per_second), highlight=False)
    for one in planned:
        if one.error and one.action == "build":
            typer.echo(f"a build would fail at {one.asset}: {one.error}")


@app.command()
@clear_errors
def pin(recipe: RecipeOption = None, warehouse: WarehouseOption = None) -> None:
    """Fetch what the recipe names as unpinned, and write its sha256 and its commit into the recipe."""
    from assets.loading.pinning import in_file, unpinned, write_pin
    from resources.fetching.cache import Cache
    from warehouse.core.errors import Mendable
    from warehouse.core.texts import listed

    loaded, path, _ = settle(recipe, warehouse)
    cache = Cache(warehouse_path() / "cache", path.parent)
    found = unpinned(loaded)
    if elsewhere := [part for part in found if not in_file(path, part)]:
        raise Mendable(
            f"{path}: address and sha256 of {listed(elsewhere)} are not both in this file; "
            "right would be to pin the recipe that it extends"
        )
    for part, address in found.items():
        pinned, sha256 = cache.pin(address)
        write_pin(path, part, pinned, sha256)
        typer.echo(f"{part}  {sha256}  {pinned}")
    if not found:
        typer.echo("nothing is unpinned")
