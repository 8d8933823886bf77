"""The commands that take something over from another warehouse: sync takes model calls, copy everything."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assets.commands.project import Project, project_at
from assets.commands.terminal import AsJson, WarehouseOption, clear_errors, print_json, say

if TYPE_CHECKING:
    from warehouse.store.warehouse import Warehouse

app = typer.Typer()

Other = Annotated[
    Path,
    typer.Argument(help="The folder of the other warehouse, or the deployment file that says where it is."),
]


@app.command()
@clear_errors
def sync(
    other: Other,
    push: Annotated[bool, typer.Option("--push", help="Give the other warehouse the calls of this one.")] = False,
    warehouse: WarehouseOption = None,
    as_json: AsJson = False,
) -> None:
    """Take over the finished model calls of another warehouse, so that a build here does not compute them again.

    A call that does not fit its hashes, or those of the files of its training, is refused and named.

    The others are taken. The exit code is 1 where a call was refused."""
    from dataclasses import asdict

    from warehouse.store.syncing import take_calls

    done = take_calls(*_from_and_to(project_at(warehouse=warehouse), other, push))
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


@app.command()
@clear_errors
def copy(
    other: Other,
    push: Annotated[bool, typer.Option("--push", help="Copy this warehouse into the other one.")] = False,
    warehouse: WarehouseOption = None,
    as_json: AsJson = False,
) -> None:
    """Copy another warehouse into this one, which must be empty: from a file into PostgreSQL, or back.

    Versions, rows, model calls, runs, withdrawals, reviews and the files of trainings are copied.

    The exit code is 1 where files are not those on record; these are named, and are not copied."""
    from dataclasses import asdict

    from warehouse.store.copying import copy_warehouse

    source, target = _from_and_to(project_at(warehouse=warehouse), other, push)
    done = copy_warehouse(source, target)
    if as_json:
        print_json(asdict(done))
    else:
        say(f"{sum(done.rows.values()):,} rows copied, and the files of {done.trainings:,} trainings")
        if done.without_files:
            say(f"{done.without_files:,} trainings have no files at {source.folder}")
        for fault in done.faults:
            say(f"not copied: {fault}")
    if done.faults:
        raise typer.Exit(1)


def _from_and_to(project: Project, other: Path, push: bool) -> tuple[Warehouse, Warehouse]:
    """From which warehouse to which: the one here and the other, in a folder or of a deployment file.

    The files of the latter are in the folder that it names, else in that of this warehouse. A file with tables in the
    folder here is the warehouse here, also where a deployment file beside the recipe names a database already.
    """
    from assets.loading.deployment import tables_in
    from warehouse.store.file_warehouse import FILE, FileWarehouse
    from warehouse.store.places import warehouse_at
    from warehouse.store.warehouse import MARK

    there = (
        warehouse_at(project.warehouse, tables_in(other), to_remember=False) if other.is_file() else warehouse_at(other)
    )
    here: Warehouse = FileWarehouse(project.warehouse / FILE)
    if not here.exists() or (project.warehouse / MARK).exists():
        here = project.database if project.database.place != there.place else here
    return (here, there) if push else (there, here)
