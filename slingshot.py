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

import typer

from assets.commands import auditing, building, checking, environments, keeping, reading, releasing, reporting, starting
from assets.commands.project import BadQuery, BuildFailed, BuildStopped, Built, NoSuchAsset, Project, project_at

__all__ = ["BadQuery", "BuildFailed", "BuildStopped", "Built", "NoSuchAsset", "Project", "app", "main", "open"]

app = typer.Typer(
    help="A declarative build system for instruction-tuning datasets made with open models only.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for family in (starting, building, keeping, checking, reading, auditing, environments, releasing, reporting):
    app.add_typer(family.app)


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
