"""The command that serves the pages with the rows: browse."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from assets.commands.reading_at import reading_at
from assets.commands.terminal import EnvironmentOption, WarehouseOption, clear_errors, say

app = typer.Typer()


@app.command()
@clear_errors
def browse(
    warehouse: WarehouseOption = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port on 127.0.0.1; 0 for any that is free.")] = 3001,
    env: EnvironmentOption = None,
    reviewer: Annotated[str | None, typer.Option(help="The name that decisions have; yours if not given.")] = None,
) -> None:
    """Serve pages to read the rows of all assets, compare answers, and accept, reject or edit rows.

    No recipe is needed. A decision is on record with who, when and why, and the next build applies it.
    """
    from assets.browsing.server import browse as serve

    serve(reading_at(warehouse, env).database, port, reviewer or getpass.getuser(), say)
