"""The last recipe that the UI could use, so that its graph stays when a later edit breaks the file."""

from __future__ import annotations

from pathlib import Path

import pydantic

from assets.loading.whole import FullRecipe
from assets.recipe.types import Recipe
from warehouse.core.atomic import written_whole

NAME = "last_recipe.json"


def remember_recipe(recipe: Recipe, data: Path) -> None:
    """Writes the recipe into the folder of Dagster's storage in the warehouse folder `data`, if there is one."""
    if (folder := data / "dagster").is_dir():
        text = recipe.model_dump_json(exclude_unset=True)
        written_whole(folder / NAME, lambda file: file.write_text(text, encoding="utf-8"))


def last_recipe(data: Path) -> Recipe | None:
    """The recipe that was remembered last; None where there is none, or where this version cannot read it."""
    file = data / "dagster" / NAME
    try:
        return FullRecipe.model_validate_json(file.read_text(encoding="utf-8"))
    except (OSError, pydantic.ValidationError):
        return None
