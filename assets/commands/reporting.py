"""The command that hands a study on: report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assets.commands.terminal import AsJson, WarehouseOption, clear_errors, folder, print_json, store

app = typer.Typer()


@app.command()
@clear_errors
def report(
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("report.html"),
    warehouse: WarehouseOption = None,
    as_json: AsJson = False,
) -> None:
    """Write the study as one HTML file: leaderboard with intervals, curves, cost per arm, what became of every row.

    With --json it writes nothing, and prints the cost per arm."""
    from assets.reporting.page import page
    from assets.reporting.study import study
    from warehouse.core.atomic import written_whole
    from warehouse.core.errors import Mendable

    found = study(store(folder(warehouse)).database)
    if as_json:
        print_json(found.arms)
        return
    if not out.parent.is_dir():
        raise Mendable(f"there is no folder {out.parent}; name a file in one that exists with --out")
    typer.echo(str(written_whole(out, lambda scratch: scratch.write_text(page(found)))))
