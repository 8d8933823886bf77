"""The commands that check a recipe and prepare it for a build: check, pin."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

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

if TYPE_CHECKING:
    from assets.commands.checked import Cost

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
    prompt_tokens: Annotated[
        float | None, typer.Option(min=1, help="With --cost: tokens that a prompt has on average.")
    ] = None,
    prompts_per_second: Annotated[
        float | None, typer.Option(min=0.001, help="With --cost: tokens of prompts per second that the model reads.")
    ] = None,
    losses_per_second: Annotated[float | None, typer.Option(min=0.001, help="With --cost: losses per second.")] = None,
    embeddings_per_second: Annotated[
        float | None, typer.Option(min=0.001, help="With --cost: embeddings per second.")
    ] = None,
    trained_per_second: Annotated[
        float | None, typer.Option(min=0.001, help="With --cost: tokens per second in training, to show hours.")
    ] = None,
    warehouse: WarehouseOption = None,
    as_json: AsJson = False,
) -> None:
    """Check the recipe, and what of it is on this machine, without building anything.

    With --cost, a rate that is not given is taken from the warehouse, where the recipe's models have been called there.
    """
    from assets.commands.checked import checked, cost
    from assets.planning.hours import Given

    project = project_at(recipe, warehouse)
    found = checked(project)
    if not as_json:
        for line in found.lines():
            say(line)
    costs = None
    if with_cost:
        given = Given(
            tokens=tokens_per_second,
            prompt_tokens=prompt_tokens,
            prompts=prompts_per_second,
            losses=losses_per_second,
            embeddings=embeddings_per_second,
            trained=trained_per_second,
        )
        costs = cost(project, given)
    if as_json:
        print_json(asdict(found) | (asdict(costs) if costs else {}))
    elif costs:
        _print_cost(costs)
    for asset, error in (costs.fails if costs else {}).items():
        say(f"a build would fail at {asset}: {error}", error=True)
    if costs and costs.fails:
        raise typer.Exit(1)


def _print_cost(found: Cost) -> None:
    from assets.reporting.tables import estimate_summary, estimate_tables, hours_summary, hours_table

    terminal = console()
    print_all(terminal, ["", *estimate_tables(found.cost, terminal.width), "", estimate_summary(found.cost)])
    if any(one.hours is not None for one in found.work):
        print_all(terminal, ["", hours_table(found.work)])
    print_all(terminal, ["", hours_summary(found.work)])


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
