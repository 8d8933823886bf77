"""The commands that show what is stored and free what is no longer needed: status, gc."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assets.commands.project import Project, project_at
from assets.commands.reading_at import reading_at
from assets.commands.terminal import (
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

if TYPE_CHECKING:
    from assets.planning.planned import State
    from warehouse.audit.status import AssetStatus

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
    env: EnvironmentOption = None,
    as_json: AsJson = False,
) -> None:
    """Show what is built and fresh, how many rows each asset keeps, and the leaderboard."""
    from assets.recipe.values import BASE
    from assets.reporting.status_tables import headline, stages_line, status_tables
    from assets.reporting.tables import mebibytes
    from warehouse.audit.disk import disk_use

    project = reading_at(warehouse, env, recipe)
    found, states = project.status(), project.states()
    if as_json:
        print_json([asdict(one) | {"state": states.get(one.asset)} for one in found])
        return
    terminal = console()
    used = disk_use(project.warehouse, database=project.database).warehouse
    where = f"{shown_path(project.warehouse)} ({mebibytes(used)} MiB)"
    print_all(terminal, [headline(found, states, where)])
    arms = [BASE, *project.recipe.arms]
    print_all(terminal, status_tables(found, states, arms, project.recipe.benchmarks, terminal.width))
    print_all(terminal, ["", stages_line([step.group for step in project.steps], found)])
    say_engines(project)
    print_quality(project)
    print_overlaps(project)
    print_leaderboard(project)
    say(f"\nnext: {_after(project, found, states)}")


def _after(project: Project, found: Sequence[AssetStatus], states: Mapping[str, State]) -> str:
    """What to run next."""
    if not states:
        return f"slingshot pin --recipe {shown_path(project.recipe_file)}"
    if set(states.values()) == {"fresh"}:
        return f"slingshot export {next(iter(project.recipe.arms))} --to exports"
    return "slingshot plan" if any(one.version for one in found) else "slingshot build"


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
    as_json: AsJson = False,
) -> None:
    """Free old versions that no current, recent or exported version was made from; show them and ask first.

    With --calls and a choice of calls (--model, --kind, --error, --before, --failures), these calls and all that was
    made from them are forgotten instead, so that the next build asks again.
    """
    from assets.reporting.tables import garbage_tables, mebibytes
    from resources.tools.locations import cache_path
    from warehouse.audit.disk import disk_use
    from warehouse.core.errors import UserError
    from warehouse.store.collection import collect, find_garbage
    from warehouse.store.forgetting import Chosen, find_forgettable, forget

    project = project_at(warehouse=warehouse)
    database = project.database
    chosen = Chosen(model, kind.value if kind else None, error, before, failures)
    if not (chosen.nothing or calls):
        raise UserError("--model, --kind, --error, --before and --failures choose calls to forget: add --calls")
    garbage = find_garbage(database, keep, calls) if chosen.nothing else find_forgettable(database, chosen)
    if as_json:
        print_json(garbage)
    elif garbage.nothing:
        say("nothing to free")
    else:
        print_all(console(), (part for table in garbage_tables(garbage) for part in (table, "")))
    if garbage.nothing:
        return
    if dry_run:
        return
    if not yes and not sys.stdin.isatty():
        say("nothing was freed; add --yes to free it", error=as_json)
        return
    if not yes and not typer.confirm("Free this?", err=as_json):
        say("nothing was freed", error=as_json)
        return
    size_before = database.size()
    if chosen.nothing:
        collect(database, garbage)
    else:
        forget(database, chosen, garbage)
    size = database.size()
    say(f"freed; the tables took {mebibytes(size_before)} MiB and take {mebibytes(size)} MiB now", error=as_json)
    say(f"in use: {disk_use(project.warehouse, cache_path(), database).in_words}", error=as_json)


def shown_path(path: Path) -> str:
    """A path as short as it can be written in the current folder."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def say_engines(project: Project) -> None:
    """Prints what writes the completions of each model."""
    for model, engine in project.engines().items():
        say(f"{model} writes with {engine}")


def print_quality(project: Project) -> None:
    """Prints the quality of the training sets that are built; nothing where none is."""
    from assets.reporting.study import quality_of
    from assets.reporting.tables import quality_tables

    if found := quality_of(project.store, project.recipe.arms):
        terminal = console()
        print_all(terminal, ["", *quality_tables(found, terminal.width)])


def print_overlaps(project: Project) -> None:
    """Prints how many rows the training sets that are built share; nothing where none share any."""
    from assets.reporting.overlaps import current_overlaps
    from assets.reporting.tables import overlaps_table

    if found := current_overlaps(project.store, project.recipe.arms):
        terminal = console()
        print_all(terminal, ["", overlaps_table(found, terminal.width)])


def print_leaderboard(project: Project, brief: bool = False) -> None:
    """Prints the current leaderboard and what its numbers do not cover; nothing where none is built.

    If `brief`, one line where no arm differs from the baseline.
    """
    from assets.evaluation.leaderboard import BESIDE, BY_PART, DETECTABLE
    from assets.reporting.overlaps import overlaps_behind, with_baseline
    from assets.reporting.score_tables import facts_tables, leaderboard_tables, nothing_differs, parts_tables
    from assets.reporting.standings import caveats
    from warehouse.results.result import WARNINGS

    published = project.store.current("leaderboard")
    if published is None:
        return
    standings, recipe = project.store.read(published), project.store.target_of(published).recipe
    baseline = recipe["evaluation.baseline"]
    if brief and (line := nothing_differs(standings, baseline)):
        say(line)
        return
    terminal = console()
    notes = project.store.facts(published)["notes"]
    print_all(terminal, ["", *leaderboard_tables(standings, baseline, terminal.width)])
    if facts := notes.get(BESIDE):
        print_all(terminal, ["", *facts_tables(facts, terminal.width)])
    if parts := notes.get(BY_PART, {}):
        print_all(terminal, ["", *parts_tables(parts, standings, terminal.width)])
    metrics = [(key.split("/")[0], key.split("/")[1]) for key in recipe["metrics"]]
    shared = with_baseline(overlaps_behind(project.store, published, recipe["arms"]), baseline)
    limits = [*caveats(standings, metrics, notes.get(DETECTABLE), shared), *notes.get(WARNINGS, [])]
    print_all(terminal, ["", *limits])
