"""What all commands share: their options, where things lie, one-line errors, and the console."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resources.tools.locations import RECIPE, WAREHOUSE, recipe_path, warehouse_path

if TYPE_CHECKING:
    from rich.console import Console

    from assets.recipe.types import Recipe
    from warehouse.store.versions import Store

RecipeOption = Annotated[Path | None, typer.Option("--recipe", help="The recipe; the starter if not given.")]
WarehouseOption = Annotated[
    Path | None, typer.Option("--warehouse", help="The warehouse's folder; warehouse/data if not given.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def clear_errors(command: Callable[..., None]) -> Callable[..., None]:
    """Prints what the user can mend in one line and exits with 1; a defect keeps its traceback."""

    @wraps(command)
    def guarded(*args: Any, **kwargs: Any) -> None:
        from warehouse.core.errors import Mendable

        try:
            command(*args, **kwargs)
        except Mendable as error:
            typer.echo(f"slingshot: {error}", err=True)
            raise typer.Exit(1) from None

    return guarded


def settle(recipe: Path | None, warehouse: Path | None) -> tuple[Recipe, Path, Path]:
    """(recipe, its path, the warehouse's folder); the environment carries both on to child processes."""
    from assets.loading.file import load_recipe

    if recipe:
        os.environ[RECIPE] = str(recipe.resolve())
    data = folder(warehouse)
    return load_recipe(recipe_path()), recipe_path(), data


def folder(warehouse: Path | None) -> Path:
    """The warehouse's folder; the environment carries it on to child processes."""
    if warehouse:
        os.environ[WAREHOUSE] = str(warehouse.resolve())
    return warehouse_path()


def store(data: Path) -> Store:
    """The version store in a warehouse's folder."""
    from warehouse.store.database import Database
    from warehouse.store.versions import Store

    return Store(Database(data / "slingshot.duckdb"))


def console() -> Console:
    """The terminal; a pipe has no width of its own, and lines are not to be folded there."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 160)


def print_json(value: Any) -> None:
    """Prints dataclasses, or collections of them, as JSON."""
    typer.echo(json.dumps(_plain(value), indent=2, ensure_ascii=False, default=str))


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value
