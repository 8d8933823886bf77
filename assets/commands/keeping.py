"""The commands that show what is stored and free what is no longer needed: status, gc."""

from __future__ import annotations

import sys
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer

from assets.commands.project import Project, project_at
from assets.commands.terminal import AsJson, RecipeOption, WarehouseOption, clear_errors, console, print_json, say

app = typer.Typer()


class CallKind(StrEnum):
    """The kinds of model calls."""

    COMPLETION = "completion"
    LOSS = "loss"
    EMBEDDING = "embedding"
    TRAINING = "training"


@app.command()
@clear_errors
def status(
    recipe: RecipeOption = None,
    warehouse: WarehouseOption = None,
    as_json: AsJson = False,
) -> None:
    """Show the version, the rows by outcome and the cost of the last build of each asset, and the leaderboard."""
    from assets.reporting.tables import stages_table, status_table

    project = project_at(recipe, warehouse)
    found = project.status()
    if as_json:
        print_json(found)
        return
    terminal = console()
    terminal.print(status_table(found))
    terminal.print("", stages_table([step.group for step in project.steps], found))
    say_engines(project)
    print_quality(project)
    print_overlaps(project)
    print_leaderboard(project)


@app.command()
@clear_errors
def gc(
    keep: Annotated[int, typer.Option(min=1, help="How many versions of each asset to keep, the last used first.")] = 3,
    calls: Annotated[
        bool,
        typer.Option("--calls", help="Also free model calls that no remaining row needs; not while a build runs."),
    ] = False,
    model: Annotated[str | None, typer.Option(help="With --calls: forget the calls of this model.")] = None,
    kind: Annotated[CallKind | None, typer.Option(help="With --calls: forget calls of this kind.")] = None,
    error: Annotated[
        str | None, typer.Option(help="With --calls: forget failed calls whose error has this text.")
    ] = None,
    before: Annotated[
        datetime | None, typer.Option(help="With --calls: forget calls from before this time (UTC).")
    ] = None,
    failures: Annotated[bool, typer.Option("--failures", help="With --calls: forget failed calls only.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be freed.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    warehouse: WarehouseOption = None,
) -> None:
    """Free old versions that no current, recent or exported version was made from; show them and ask first.

    With --calls and a choice of calls (--model, --kind, --error, --before, --failures), these calls and all that was
    made from them are forgotten instead, so that the next build asks again.
    """
    from assets.reporting.tables import garbage_tables, mebibytes
    from warehouse.core.errors import UserError
    from warehouse.store.collection import collect, find_garbage
    from warehouse.store.forgetting import Chosen, find_forgettable, forget

    database = project_at(warehouse=warehouse).database
    chosen = Chosen(model, kind.value if kind else None, error, before, failures)
    if not (chosen.nothing or calls):
        raise UserError("--model, --kind, --error, --before and --failures choose calls to forget: add --calls")
    garbage = find_garbage(database, keep, calls) if chosen.nothing else find_forgettable(database, chosen)
    if garbage.nothing:
        say("nothing to free")
        return
    terminal = console()
    for table in garbage_tables(garbage):
        terminal.print(table, "")
    if dry_run:
        return
    if not yes and not sys.stdin.isatty():
        say("nothing was freed; add --yes to free it")
        return
    if not yes and not typer.confirm("Free this?"):
        say("nothing was freed")
        return
    size_before = database.path.stat().st_size
    if chosen.nothing:
        collect(database, garbage)
    else:
        forget(database, chosen, garbage)
    size = database.path.stat().st_size
    say(f"freed; the warehouse's file had {mebibytes(size_before)} MiB and has {mebibytes(size)} MiB now")


def say_engines(project: Project) -> None:
    """Prints what writes the completions of each model."""
    for model, engine in project.engines().items():
        say(f"{model} writes with {engine}")


def print_quality(project: Project) -> None:
    """Prints the quality of the training sets that are built; nothing where none is."""
    from assets.reporting.study import quality_of
    from assets.reporting.tables import quality_table

    if found := quality_of(project.store, project.recipe.arms):
        console().print("", quality_table(found))


def print_overlaps(project: Project) -> None:
    """Prints how many rows the training sets that are built share; nothing where none share any."""
    from assets.reporting.overlaps import current_overlaps
    from assets.reporting.tables import overlaps_table

    if found := current_overlaps(project.store, project.recipe.arms):
        console().print("", overlaps_table(found))


def print_leaderboard(project: Project) -> None:
    """Prints the current leaderboard and what its numbers do not cover; nothing where none is built."""
    from assets.evaluation.leaderboard import BESIDE, BY_PART, DETECTABLE
    from assets.reporting.overlaps import overlaps_behind, with_baseline
    from assets.reporting.standings import caveats
    from assets.reporting.tables import facts_table, leaderboard_table, parts_tables
    from warehouse.results.result import WARNINGS

    published = project.store.current("leaderboard")
    if published is None:
        return
    standings, recipe = project.store.read(published), project.store.target_of(published).recipe
    baseline = recipe["evaluation.baseline"]
    console().print("", leaderboard_table(standings, baseline))
    notes = project.store.facts(published)["notes"]
    if facts := notes.get(BESIDE):
        console().print("", facts_table(facts))
    for table in parts_tables(notes.get(BY_PART, {}), standings):
        console().print("", table)
    metrics = [(key.split("/")[0], key.split("/")[1]) for key in recipe["metrics"]]
    shared = with_baseline(overlaps_behind(project.store, published, recipe["arms"]), baseline)
    for caveat in [*caveats(standings, metrics, notes.get(DETECTABLE), shared), *notes.get(WARNINGS, [])]:
        say(caveat)
