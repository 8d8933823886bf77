"""Slingshot from Python and from the terminal.

    import slingshot

    project = slingshot.open("recipe.yaml", warehouse="warehouse/data")
    project.build("+training_sets/self_instruct")
    rows = project.rows("training_sets/self_instruct")  # a polars DataFrame
    project.why(rows["id"][0])

`Project` has the methods; `main` is the command `slingshot`, whose subcommands are in assets/commands.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Annotated

import typer

from assets.commands import (
    auditing,
    browsing,
    building,
    checking,
    environments,
    keeping,
    reading,
    releasing,
    reporting,
    reproducing,
    serving,
    sharing,
    starting,
)
from assets.commands.examples import epilog
from assets.commands.project import BadQuery, BuildFailed, BuildStopped, Built, NoSuchAsset, Project, project_at

__all__ = ["BadQuery", "BuildFailed", "BuildStopped", "Built", "NoSuchAsset", "Project", "app", "main", "open"]

app = typer.Typer(
    help="A declarative build system for instruction-tuning datasets made with open models only.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
FAMILIES = {
    "Write a recipe": (starting, checking),
    "Build": (building, reproducing, sharing, serving),
    "See what is there": (keeping, reading, browsing, reporting),
    "Ask where rows come from": (auditing,),
    "Compare environments": (environments,),
    "Hand out and call back": (releasing,),
}
"""The commands by the title under which the help lists them."""

for title, families in FAMILIES.items():
    for family in families:
        for command in family.app.registered_commands:
            command.rich_help_panel = title
            command.epilog = epilog(command.name or getattr(command.callback, "__name__", ""))
        app.add_typer(family.app)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"slingshot {version('slingshot')}")
        raise typer.Exit


@app.callback()
def _options(
    wanted: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options that need no command."""


def open(
    recipe: str | Path | None = None, warehouse: str | Path | None = None, environment: str | None = None
) -> Project:
    """The project of a recipe file and a warehouse folder; the folder is made by the first build.

    Without a recipe it is $SLINGSHOT_RECIPE, else the recipe.yaml in the current folder or the nearest above it, else
    the starter. Without a warehouse it is $SLINGSHOT_WAREHOUSE, else the folder warehouse beside that recipe.yaml, else
    that of the starter. Without the name of an environment it is $SLINGSHOT_ENVIRONMENT, else the main one. These
    variables are read and never changed. Raises RecipeError, which lists everything that is
    wrong with the recipe.

    Example: `slingshot.open("mine.yaml", warehouse="mine").plan()` lists what a build would do.
    """
    project = project_at(recipe, warehouse, environment)
    _ = project.recipe  # read now, so that a recipe that cannot be used is an error here
    return project


def main() -> None:
    """The console script."""
    from assets.commands.interrupts import stop_on_signals
    from resources.models.quiet import quiet

    quiet()
    stop_on_signals()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # not every terminal can show every character
    app()


if __name__ == "__main__":
    main()
