"""The command that takes model calls over from another warehouse: sync."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assets.commands.project import project_at
from assets.commands.terminal import AsJson, WarehouseOption, clear_errors, print_json, say

app = typer.Typer()


@app.command()
@clear_errors
def sync(
    other: Annotated[Path, typer.Argument(help="The folder of the other warehouse.")],
    push: Annotated[bool, typer.Option("--push", help="Give the other warehouse the calls of this one.")] = False,
    warehouse: WarehouseOption = None,
    as_json: AsJson = False,
) -> None:
    """Take over the finished model calls of another warehouse, so that a build here does not compute them again.

    A call that does not fit its hashes, or those of the files of its training, is refused and named.

    The others are taken. The exit code is 1 where a call was refused."""
    from dataclasses import asdict

    from warehouse.store.file_warehouse import FILE, FileWarehouse
    from warehouse.store.syncing import take_calls

    here, there = project_at(warehouse=warehouse).database, FileWarehouse(other / FILE)
    done = take_calls(here, there) if push else take_calls(there, here)
    if as_json:
        print_json(asdict(done))
    else:
        say(f"{done.taken:,} calls taken, {done.known:,} were there already, {len(done.refused):,} refused")
        if done.differing:
            say(f"{len(done.differing):,} of those were answered otherwise there, and stay as they were")
        for one in done.refused:
            say(f"refused: {one.kind} {one.key}: {one.why}")
    if done.refused:
        raise typer.Exit(1)
