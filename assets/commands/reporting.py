"""The command that writes the HTML report: report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assets.commands.reading_at import reading_at
from assets.commands.terminal import AsJson, EnvironmentOption, WarehouseOption, clear_errors, print_json, say

app = typer.Typer()


@app.command()
@clear_errors
def report(
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("report.html"),
    warehouse: WarehouseOption = None,
    env: EnvironmentOption = None,
    as_json: AsJson = False,
) -> None:
    """Write the study as one HTML file: leaderboard with intervals, curves, cost per arm, the outcome of every row.

    With --json, print the cost per arm and write no file."""
    from assets.reporting.page import page
    from assets.reporting.study import study
    from warehouse.core.atomic import written_whole
    from warehouse.core.errors import UserError

    if not as_json and out.is_dir():
        raise UserError(f"{out} is a folder; choose a file with --out")
    if not as_json and not out.parent.is_dir():
        raise UserError(f"there is no folder {out.parent}; choose a file in an existing folder with --out")
    found = study(reading_at(warehouse, env).database)
    if as_json:
        print_json(found.arms)
        return
    say(str(written_whole(out, lambda scratch: scratch.write_text(page(found)))))
