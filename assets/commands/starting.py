"""The commands to start your own project: init, schema."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from assets.commands.terminal import AsJson, clear_errors, print_json, say

app = typer.Typer()


@app.command()
@clear_errors
def init(
    folder: Annotated[Path, typer.Argument(help="The folder of the project; it is made if there is none.")],
    data: Annotated[
        Path | None, typer.Option(help="A file with your rows, which is copied; sample rows if not given.")
    ] = None,
    instruction: Annotated[str | None, typer.Option(help="The column with the instruction or question.")] = None,
    response: Annotated[str | None, typer.Option(help="The column with the response or answer.")] = None,
    text: Annotated[str | None, typer.Option(help="The column with a text that has no instruction.")] = None,
    licence: Annotated[str | None, typer.Option(help="The licence of your rows, as an SPDX id.")] = None,
    origin: Annotated[str | None, typer.Option(help="Who wrote your rows: human, mixed or model:NAME.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a project: a recipe with comments, rows, and what version control should ignore.

    On a terminal it asks for what is missing, except with --json.
    """
    from assets.loading.file import RecipeError, load_recipe
    from assets.loading.new_project import own_rows, write_project
    from assets.loading.schema import recipe_schema
    from warehouse.core.errors import UserError

    rows, asks = None, sys.stdin.isatty() and not as_json
    if data is None and asks and (given := typer.prompt("A file with your rows (empty for sample rows)", default="")):
        data = Path(given)
    if data is not None:
        rows = own_rows(data, {"instruction": instruction, "response": response, "text": text})
        if licence is None and asks:
            licence = typer.prompt("The licence of these rows, as an SPDX id", default="CC0-1.0")
        if origin is None and asks:
            origin = typer.prompt("Who wrote them: human, mixed or model:NAME", default="human")
        if licence is None or origin is None:
            raise UserError("say under which licence your rows are and who wrote them, with --licence and --origin")
    elif instruction or response or text:
        raise UserError("--instruction, --response and --text name columns of your rows: add --data FILE")
    written = [*write_project(folder, recipe_schema(), rows, licence or "CC0-1.0", origin or "human")]
    if as_json:
        print_json({"written": written})
    else:
        for path in written:
            say(str(path))
    try:
        load_recipe(folder / "recipe.yaml")
    except RecipeError as error:
        raise UserError(f"the recipe is written, and needs a change: {error}") from error
    say(f"next: cd {folder}, slingshot check, slingshot build --sample 8", error=as_json)


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
