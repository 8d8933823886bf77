"""The commands that read what is stored: show, log."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from assets.commands.completion import assets
from assets.commands.reading_at import reading_at
from assets.commands.terminal import AsJson, EnvironmentOption, WarehouseOption, clear_errors, console, print_json

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

app = typer.Typer()


class Outcome(StrEnum):
    """What a gate did with a row."""

    KEPT = "kept"
    REJECTED = "rejected"
    DUPLICATE = "duplicate"
    FAILED = "failed"
    QUARANTINED = "quarantined"


@app.command()
@clear_errors
def show(
    asset: Annotated[str, typer.Argument(help="An asset, such as training_sets/self_instruct.", autocompletion=assets)],
    outcome: Annotated[list[Outcome] | None, typer.Option(help="Only rows with this outcome; may be repeated.")] = None,
    reason: Annotated[str | None, typer.Option(help="Only rows with this text in their reason.")] = None,
    arm: Annotated[
        str | None, typer.Option(help="Only rows of this arm; the asset may then be named without it.")
    ] = None,
    where: Annotated[str | None, typer.Option(help="Only rows for which this SQL condition holds.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many rows to show at most.")] = 10,
    random: Annotated[int | None, typer.Option(min=1, help="Show so many rows, drawn at random.")] = None,
    seed: Annotated[int | None, typer.Option(help="With --random: the same number draws the same rows.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Show whole texts.")] = False,
    warehouse: WarehouseOption = None,
    env: EnvironmentOption = None,
    as_json: AsJson = False,
) -> None:
    """Show rows of an asset: their texts, what was decided about them and why, and their scores.

    Without --outcome, kept rows come first and the others after them.
    """
    from assets.reporting.rows_shown import SHORT_ID, rows_as_json, rows_blocks
    from warehouse.audit.row_query import Wanted
    from warehouse.audit.rows import find_rows

    wanted = Wanted([one.value for one in outcome or ()], reason, arm, where, limit, random, seed)
    found = find_rows(reading_at(warehouse, env).store, asset, wanted)
    if as_json:
        print_json(rows_as_json(found))
        return
    terminal = console()
    for block in rows_blocks(found, everything):
        terminal.print(block, highlight=False)
    if len(found.frame):
        terminal.print(f"\nwhere a row came from: slingshot why {found.frame['id'][0][:SHORT_ID]}", highlight=False)


@app.command()
@clear_errors
def log(
    asset: Annotated[
        str | None,
        typer.Argument(help="An asset, for its versions; all builds if not given.", autocompletion=assets),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many to show at most, the newest first.")] = 20,
    everything: Annotated[bool, typer.Option("--all", help="Show all changes and all names.")] = False,
    warehouse: WarehouseOption = None,
    env: EnvironmentOption = None,
    as_json: AsJson = False,
) -> None:
    """Show past builds and what changed in the recipe; of an asset, show its versions, which diff and export take."""
    from assets.reporting.log_shown import builds_blocks, versions_blocks
    from warehouse.audit.log import builds, versions_of
    from warehouse.core.errors import UserError

    if asset is None and env:
        raise UserError(
            "builds are on record without their environment, so --env needs an asset: slingshot log ASSET --env "
            f"{env}; slingshot environments lists the assets that have versions of their own"
        )
    database, terminal = reading_at(warehouse, env).database, console()
    if asset is None:
        done = builds(database)
        if as_json:
            print_json(done[:limit])
        else:
            _print_log(terminal, builds_blocks(done[:limit], everything), len(done) - limit)
            terminal.print("versions of an asset: slingshot log ASSET" if done else "nothing was built here")
        return
    found = versions_of(database, asset)
    if as_json:
        print_json(found[:limit])
        return
    _print_log(terminal, versions_blocks(found[:limit], everything), len(found) - limit)
    if len(found) > 1:
        new, old = (one.version[:9] for one in found[:2])
        terminal.print(f"what changed in the rows: slingshot diff {old} {new}", highlight=False)


def _print_log(terminal: Console, blocks: Iterable[RenderableType], more: int) -> None:
    for block in blocks:
        terminal.print(block, highlight=False)
    if more > 0:
        terminal.print(f"and {more} more; --limit shows them", highlight=False)
