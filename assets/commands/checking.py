"""The commands that check a recipe and prepare it for a build: check, pin."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assets.commands.keeping import say_engines
from assets.commands.project import Project, project_at
from assets.commands.terminal import RecipeOption, WarehouseOption, clear_errors, console, print_all, say

if TYPE_CHECKING:
    from assets.loading.rules import Problem
    from assets.recipe.types import Recipe

app = typer.Typer()


@app.command()
@clear_errors
def check(
    recipe: RecipeOption = None,
    cost: Annotated[
        bool, typer.Option("--cost", help="Also show the most that a build from nothing can cost.")
    ] = False,
    tokens_per_second: Annotated[
        float | None,
        typer.Option(min=0.001, help="With --cost: tokens per second that the model writes, to show hours."),
    ] = None,
    trained_per_second: Annotated[
        float | None, typer.Option(min=0.001, help="With --cost: tokens per second in training, to show hours.")
    ] = None,
) -> None:
    """Check the recipe, and what of it is on this machine, without building anything."""
    from assets.evaluation.judges import own_judges
    from assets.loading.bench import workbench
    from assets.loading.file import load_recipe, recipe_error
    from assets.loading.local_models import faster, missing_layers
    from assets.loading.local_sources import local_problems
    from assets.loading.pinning import unpinned
    from assets.loading.sizes import unused_methods
    from assets.planning.shortages import certain_shortages
    from resources.tools.locations import cache_path
    from warehouse.core.texts import listed

    project = project_at(recipe)
    path = project.recipe_file

    def on_this_machine(read: Recipe) -> Iterator[Problem]:
        bench = workbench(read, project.warehouse, path.parent, cache_path())
        yield from local_problems(read, bench)
        yield from missing_layers(read, bench)

    loaded = load_recipe(path, on_this_machine)
    if short := [*certain_shortages(loaded, project.steps)]:
        raise recipe_error(path, short)
    say(f"{path} is good: {len(project.steps)} assets, arms {', '.join(loaded.arms)}")
    if paths := list(unpinned(loaded)):
        say(f"unpinned: {listed(paths)}; before a build: slingshot pin --recipe {path}")
    if unused := unused_methods(loaded):
        say(f"not in any arm: {', '.join(f'raw_{name}' for name in unused)}")
    for warning in own_judges(loaded):
        say(warning)
    say_engines(project)
    for name in faster(loaded, project.bench):
        say(
            f"{name}: this processor also computes bfloat16, which is faster and answers many prompts differently: "
            f"models.{name}.precision: bfloat16"
        )
    if cost:
        _print_cost(project, tokens_per_second, trained_per_second)


def _print_cost(project: Project, tokens_per_second: float | None, trained_per_second: float | None) -> None:
    """Prints upper bounds on the cost of a build in an empty warehouse, and which assets would fail."""
    from assets.loading.bench import workbench
    from assets.planning.estimate import estimate
    from assets.planning.plan import Planner
    from assets.reporting.tables import estimate_summary, estimate_tables

    with tempfile.TemporaryDirectory() as empty:
        bench = workbench(project.recipe, Path(empty), project.recipe_file.parent)
        planned = Planner(bench, project.recipe.retries).plan(project.steps)
    stages = estimate(project.steps, planned)
    terminal = console()
    summary = estimate_summary(stages, tokens_per_second, trained_per_second)
    print_all(terminal, ["", *estimate_tables(stages, terminal.width), "", summary])
    failing = [one for one in planned if one.state == "fails"]
    for one in failing:
        say(f"a build would fail at {one.asset}: {one.error}", error=True)
    if failing:
        raise typer.Exit(1)


@app.command()
@clear_errors
def pin(recipe: RecipeOption = None, warehouse: WarehouseOption = None) -> None:
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
    for part, address in found.items():
        pinned, sha256 = project.bench.cache.pin(address)
        write_pin(path, part, pinned, sha256)
        say(f"{part}  {sha256}  {pinned}")
    if not found:
        say("nothing is unpinned")
