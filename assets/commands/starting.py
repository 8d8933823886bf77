"""The commands for a project of one's own: schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from assets.commands.terminal import clear_errors, say

app = typer.Typer()


@app.command()
@clear_errors
def schema(
    out: Annotated[Path | None, typer.Option(help="The file to write; without it, the schema is printed.")] = None,
) -> None:
    """Print the JSON Schema of a recipe, by which editors complete and check its keys."""
    from assets.loading.schema import recipe_schema
    from warehouse.core.atomic import written_whole

    text = json.dumps(recipe_schema(), indent=2, ensure_ascii=False)
    if out is None:
        say(text)
        return
    say(str(written_whole(out, lambda scratch: scratch.write_text(f"{text}\n", encoding="utf-8"))))
