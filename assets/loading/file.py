"""Read a recipe file; every error names the key's path, the value found, what is accepted, and where it is."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from assets.loading.faults import problem_of, repeats
from assets.loading.names import unknown_names
from assets.loading.rules import Problem, problems
from assets.loading.whole import FullRecipe
from assets.loading.yaml_text import Place, YamlError, read_yaml
from assets.recipe.types import Recipe
from warehouse.core.errors import UserError
from warehouse.core.texts import shortened


class RecipeError(UserError, ValueError):
    """The recipe cannot be used; the message lists all its problems, one per line."""


STARTER = Path(__file__).resolve().parents[2] / "recipe.yaml"

MOST_BYTES = 2**20
MOST_EXTENDED = 16
MOST_PROBLEMS = 50
"""The largest recipe file, the longest chain of `extends`, and how many problems a message lists (all ours)."""


@dataclass(frozen=True)
class _Values:
    """The plain values of a recipe, and where each key was written, such as "starter, line 3, column 5"."""

    values: dict[Any, Any]
    places: Mapping[Place, str] = field(default_factory=dict)


def load_recipe(path: Path, also: Callable[[Recipe], Iterable[Problem]] = lambda recipe: ()) -> Recipe:
    """Load the recipe in the YAML file at `path`; `also` finds further problems. Raises RecipeError, which lists all.

    A recipe may say `extends: starter`, or `extends: FILE` relative to its own folder. Then its keys override those of
    that recipe: mappings are merged, other values are replaced, and null removes a key. YAML's anchors, aliases and
    merge keys work; a top-level key of any name may hold what they share.
    """
    try:
        return _recipe(_extended(_values_of(path), path.parent, (path.resolve(),)), also)
    except RecipeError as error:
        raise RecipeError(f"{path}: {error}") from error


def parse_recipe(text: str) -> Recipe:
    """Load the recipe in YAML `text`, which cannot extend another. Raises RecipeError, without lines."""
    return _recipe(_Values(_values(text).values), lambda recipe: ())


def recipe_error(path: Path, found: list[Problem]) -> RecipeError:
    """The error about problems that were found later in the recipe file at `path`, with their lines."""
    places = _extended(_values_of(path), path.parent, (path.resolve(),)).places
    return RecipeError(f"{path}: {_combined(found, places)}")


def _values_of(path: Path, name: str = "") -> _Values:
    try:
        found = path.stat()
        if stat.S_ISREG(found.st_mode) and found.st_size <= MOST_BYTES:
            return _values(path.read_text(encoding="utf-8"), name)
    except FileNotFoundError as error:
        raise RecipeError("there is no such file; name a recipe with --recipe FILE") from error
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"it cannot be read as UTF-8 text: {error}") from error
    if stat.S_ISREG(found.st_mode):
        raise RecipeError(f"it has {found.st_size:,} bytes, but a recipe has at most {MOST_BYTES:,}")
    # A pipe would wait for a writer for ever.
    raise RecipeError("it cannot be read as UTF-8 text: it is a folder, a pipe or a device and not a file")


def _extended(recipe: _Values, folder: Path, seen: tuple[Path, ...]) -> _Values:
    if "extends" not in recipe.values:
        return recipe
    name = recipe.values["extends"]
    if not isinstance(name, str) or "\0" in name:
        raise _combined([Problem("extends", name, "it must be starter, or the path of another recipe")], recipe.places)
    path = STARTER if name == "starter" else (folder / name).resolve()
    if path in seen:
        accepted = "a recipe cannot extend itself, directly or through others"
        raise _combined([Problem("extends", name, accepted)], recipe.places)
    if len(seen) > MOST_EXTENDED:
        raise _combined([Problem("extends", name, f"at most {MOST_EXTENDED} recipes in a row")], recipe.places)
    try:
        base = _extended(_values_of(path, name), path.parent, (*seen, path))
    except RecipeError as error:
        raise RecipeError(f"extends {shortened(name, 200)}: {error}") from error
    changes = {key: value for key, value in recipe.values.items() if key != "extends"}
    return _Values(_merged(base.values, changes), {**base.places, **recipe.places})


def _merged(base: dict[Any, Any], changes: dict[Any, Any]) -> dict[Any, Any]:
    merged = dict(base)
    for key, value in changes.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = _merged(merged[key], value)
        else:
            merged[key] = value
    return merged


def _values(text: str, name: str = "") -> _Values:
    try:
        document = read_yaml(text)
    except YamlError as error:
        raise RecipeError(f"this is not YAML: {error}") from error
    values = document.value
    if not isinstance(values, dict):
        kinds = {list: "a list", str: "a text", type(None): "nothing"}
        raise RecipeError(f"a recipe is a mapping of keys to values; found {kinds.get(type(values), 'a single value')}")
    file = f"{shortened(name, 100)}, " if name else ""
    # A key that only holds what aliases use, such as common: &common {…}, is no key of the recipe.
    holders = document.shared - FullRecipe.model_fields.keys() - {"extends"}
    return _Values(
        {key: value for key, value in values.items() if key not in holders},
        {place: f"{file}line {line}, column {column}" for place, (line, column) in document.positions.items()},
    )


def _recipe(written: _Values, also: Callable[[Recipe], Iterable[Problem]]) -> Recipe:
    try:
        recipe = FullRecipe.model_validate(written.values)
    except ValidationError as error:
        details = error.errors(include_url=False)
        found = [problem_of(detail) for detail in details if not repeats(detail, details)]
        raise _combined([*found, *unknown_names(written.values, details, _starter)], written.places) from error
    except RecursionError as error:
        raise RecipeError("its values are nested too deeply") from error
    if found := [*problems(recipe), *also(recipe)]:
        raise _combined(found, written.places)
    return recipe


def _starter() -> dict[Any, Any]:
    return _values_of(STARTER).values


def _combined(found: list[Problem], places: Mapping[Place, str]) -> RecipeError:
    count = "1 problem" if len(found) == 1 else f"{len(found)} problems"
    lines = [f"{problem}{_where(problem, places)}" for problem in found[:MOST_PROBLEMS]]
    more = [f"and {len(found) - MOST_PROBLEMS} more"] if len(found) > MOST_PROBLEMS else []
    return RecipeError("\n  ".join([count, *lines, *more]))


def _where(problem: Problem, places: Mapping[Place, str]) -> str:
    """Where the key of a problem, or the nearest key above it, is written."""
    place = tuple(problem.path.split("."))
    while place and place not in places:
        place = place[:-1]
    return f" ({places[place]})" if place else ""
