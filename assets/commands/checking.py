"""The commands that check a recipe and prepare it for a build: check, pin."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from assets.commands.project import project_at
from assets.commands.terminal import (
    AsJson,
    RecipeOption,
    WarehouseOption,
    clear_errors,
    console,
    print_all,
    print_json,
    say,
)

app = typer.Typer()


@app.command()
@clear_errors
def check(
    recipe: RecipeOption = None,
    with_cost: Annotated[
        bool, typer.Option("--cost", help="Also show the most that a build from nothing can cost.")
    ] = False,
    tokens_per_second: Annotated[
        float | None,
        typer.Option(min=0.001, help="With --cost: tokens per second that the model writes, to show hours."),
    ] = None,
    trained_per_second: Annotated[
        float | None, typer.Option(min=0.001, help="With --cost: tokens per second in training, to show hours.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check the recipe, and what of it is on this machine, without building anything."""
    from assets.commands.checked import checked, cost
    from assets.reporting.tables import estimate_summary, estimate_tables

    project = project_at(recipe)
    found = checked(project)
    if not as_json:
        for line in found.lines():
            say(line)
    stages, failing = cost(project) if with_cost else ([], [])
    if as_json:
        costs = {"cost": stages, "fails": {one.asset: one.error for one in failing}} if with_cost else {}
        print_json(asdict(found) | costs)
    elif with_cost:
        terminal = console()
        summary = estimate_summary(stages, tokens_per_second, trained_per_second)
        print_all(terminal, ["", *estimate_tables(stages, terminal.width), "", summary])
    for one in failing:
        say(f"a build would fail at {one.asset}: {one.error}", error=True)
    if failing:
        raise typer.Exit(1)


@app.command()
@clear_errors
def pin(recipe: RecipeOption = None, warehouse: WarehouseOption = None, as_json: AsJson = False) -> None:
    """Fetch each unpinned model and source of the recipe, and write its sha256 and its commit into the recipe."""
    from assets.loading.pinning import in_file, unpinned, write_pin
    from warehouse.core.errors import UserError
    from warehouse.core.texts import listed

    project = project_at(recipe, warehouse)
    path, found = project.recipe_file, unpinned(project.recipe)
    if elsewhere := [part for part in found if not in_file(path, part)]:
        raise UserError(
            f"{path}: address and sha256 of {listed(elsewhere)} are not both in this file; "
            "pin the recipe that it extends instead"
        )
    pins = []
    for part, address in found.items():
        pinned, sha256 = project.bench.cache.pin(address)
        write_pin(path, part, pinned, sha256)
        pins.append({"part": part, "sha256": sha256, "address": str(pinned)})
        if not as_json:
            say(f"{part}  {sha256}  {pinned}")
    if as_json:
        print_json(pins)
    elif not found:
        say("nothing is unpinned")
