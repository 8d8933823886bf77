"""The commands for named environments: review, environments, promote, drop."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from assets.commands.project import project_at
from assets.commands.terminal import (
    CHANGES,
    AsJson,
    EnvironmentOption,
    RecipeOption,
    WarehouseOption,
    clear_errors,
    print_json,
    say,
)

app = typer.Typer()

Name = Annotated[str, typer.Argument(help="The environment, as it was given to --env.")]


@app.command()
@clear_errors
def review(
    against: Annotated[str, typer.Option(help="The environment to compare with; the main one if not given.")] = "",
    samples: Annotated[int, typer.Option(min=0, help="How many rows of each kind to show for each asset.")] = 3,
    env: EnvironmentOption = None,
    recipe: RecipeOption = None,
    warehouse: WarehouseOption = None,
    as_json: AsJson = False,
) -> None:
    """Show what an environment changes as Markdown: rows with samples, scores, quality, licences, what is not built.

    The exit status is 0 where nothing differs, 2 where something does, and 1 where a check failed or a build would
    fail.
    """
    from assets.reporting.review_page import markdown

    project = project_at(recipe, warehouse, env)
    found, planned = project.review(against), project.plan()
    if as_json:
        waiting = [one for one in planned if one.state != "fresh" or one.error]
        print_json(asdict(found) | {"not_built": waiting})
    else:
        typer.echo(markdown(found, planned, samples), nl=False)
    if found.faults or any(one.error for one in planned):
        raise typer.Exit(1)
    if not found.is_empty or any(one.state != "fresh" for one in planned):
        raise typer.Exit(CHANGES)


@app.command()
@clear_errors
def environments(warehouse: WarehouseOption = None, as_json: AsJson = False) -> None:
    """List the environments that have versions of their own, and of which assets."""
    from warehouse.store.environments import environments

    found = environments(project_at(warehouse=warehouse).database)
    if as_json:
        print_json(found)
        return
    for one in found:
        say(f"{one.name}: {', '.join(one.assets)}")
    if not found:
        say("only the main environment has versions; slingshot build --env NAME makes another one")


@app.command()
@clear_errors
def promote(name: Name, warehouse: WarehouseOption = None, as_json: AsJson = False) -> None:
    """Make the versions of an environment the main ones. Only pointers move: nothing is computed."""
    from warehouse.store.environments import promote

    _say_moved(promote(project_at(warehouse=warehouse).database, name), "promoted", as_json)


@app.command()
@clear_errors
def drop(name: Name, warehouse: WarehouseOption = None, as_json: AsJson = False) -> None:
    """Remove an environment. Its versions stay until gc frees them."""
    from warehouse.store.environments import drop

    _say_moved(drop(project_at(warehouse=warehouse).database, name), "dropped", as_json)


def _say_moved(assets: list[str], done: str, as_json: bool) -> None:
    from warehouse.core.texts import kind_named

    if as_json:
        print_json({done: assets})
        return
    say(f"{done} {len(assets)} {kind_named('asset', len(assets))}: {', '.join(assets)}")
