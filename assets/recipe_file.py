"""Reads a recipe file; every error names the key's path, the value found and what would be accepted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from assets.recipe import Recipe
from assets.recipe_rules import Problem, nearest, problems
from warehouse.errors import Mendable


class RecipeError(Mendable, ValueError):
    """The recipe cannot be used; the message lists everything that is wrong with it, a line each."""


def load_recipe(path: Path) -> Recipe:
    """The recipe in the YAML file at `path`. Raises RecipeError."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise RecipeError(f"{path}: there is no such file; name a recipe with --recipe FILE") from error
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: it cannot be read as UTF-8 text: {error}") from error
    try:
        return parse_recipe(text)
    except RecipeError as error:
        raise RecipeError(f"{path}: {error}") from error


def parse_recipe(text: str) -> Recipe:
    """The recipe in YAML `text`. Raises RecipeError."""
    try:
        values = yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise RecipeError(f"this is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise RecipeError(f"a recipe is a mapping of keys to values; found {type(values).__name__}")
    try:
        recipe = Recipe.model_validate(values)
    except ValidationError as error:
        raise _summed([_problem(detail) for detail in error.errors(include_url=False)]) from error
    found = list(problems(recipe))
    if found:
        raise _summed(found)
    return recipe


def _summed(found: list[Problem]) -> RecipeError:
    count = "1 problem" if len(found) == 1 else f"{len(found)} problems"
    return RecipeError("\n  ".join([count, *map(str, found)]))


def _problem(detail: ErrorDetails) -> Problem:
    path = ".".join(str(key) for key in detail["loc"])
    found: Any = detail["input"]
    if detail["type"] == "extra_forbidden":
        *parents, key = detail["loc"]
        return Problem(path, found, f"there is no such key: {nearest(str(key), _keys_at(parents))}")
    if detail["type"] == "missing":
        return Problem(path, None, "this key is required")
    if detail["type"] == "literal_error":
        expected = str(detail.get("ctx", {}).get("expected", ""))
        choices = [part.strip(" '") for part in expected.replace(" or ", ",").split(",")]
        return Problem(path, found, f"it must be one of: {nearest(str(found), choices)}")
    return Problem(path, found, detail["msg"].removeprefix("Value error, ").replace("Input should", "it must"))


def _keys_at(path: Sequence[int | str]) -> list[str]:
    """The keys that the recipe's types know at a path."""
    part: type[BaseModel] = Recipe
    held: Any = None
    for key in path:
        if held is None:
            annotation = part.model_fields[str(key)].annotation
            found = _part_in(annotation)
            if found is None:
                return []
            # A mapping or list of parts: the next key only picks one of them.
            held = found if get_origin(annotation) in (dict, tuple) else None
            part = found if held is None else part
        else:
            part, held = held, None
    return list(part.model_fields) if held is None else []


def _part_in(annotation: Any) -> type[BaseModel] | None:
    if _is_part(annotation):
        return cast(type[BaseModel], annotation)
    return next((part for inner in get_args(annotation) if (part := _part_in(inner))), None)


def _is_part(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


class _Loader(yaml.SafeLoader):
    """Safe YAML that refuses a key written twice instead of taking the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)
