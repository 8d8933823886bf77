"""Read a recipe file; every error names the key's path, the value found and what is accepted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from assets.loading.rules import Problem, problems
from assets.loading.whole import FullRecipe
from assets.recipe.types import Recipe
from warehouse.core.errors import UserError
from warehouse.core.texts import nearest


class RecipeError(UserError, ValueError):
    """The recipe cannot be used; the message lists all its problems, one per line."""


STARTER = Path(__file__).resolve().parents[2] / "recipe.yaml"


def load_recipe(path: Path) -> Recipe:
    """Load the recipe in the YAML file at `path`. Raises RecipeError.

    A recipe may say `extends: starter`, or `extends: FILE` relative to its own folder. Then its keys override those of
    that recipe: mappings are merged, other values are replaced, and null removes a key.
    """
    try:
        return _recipe(_extended(_values_of(path), path.parent, (path.resolve(),)))
    except RecipeError as error:
        raise RecipeError(f"{path}: {error}") from error


def parse_recipe(text: str) -> Recipe:
    """Load the recipe in YAML `text`, which cannot extend another. Raises RecipeError."""
    return _recipe(_values(text))


def _values_of(path: Path) -> dict[Any, Any]:
    try:
        return _values(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RecipeError("there is no such file; name a recipe with --recipe FILE") from error
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"it cannot be read as UTF-8 text: {error}") from error


def _extended(values: dict[Any, Any], folder: Path, seen: tuple[Path, ...]) -> dict[Any, Any]:
    if "extends" not in values:
        return values
    name = values["extends"]
    if not isinstance(name, str):
        raise _combined([Problem("extends", name, "it must be starter, or the path of another recipe")])
    path = STARTER if name == "starter" else (folder / name).resolve()
    if path in seen:
        raise _combined([Problem("extends", name, "a recipe cannot extend itself, directly or through others")])
    try:
        base = _extended(_values_of(path), path.parent, (*seen, path))
    except RecipeError as error:
        raise RecipeError(f"extends {name}: {error}") from error
    return _merged(base, {key: value for key, value in values.items() if key != "extends"})


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


def _values(text: str) -> dict[Any, Any]:
    try:
        values = yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise RecipeError(f"this is not YAML: {' '.join(str(error).split())}") from error
    except (TypeError, ValueError, AttributeError, RecursionError) as error:
        # PyYAML passes on Python's errors for values that YAML allows, such as a date that does not exist.
        raise RecipeError(f"this YAML cannot be read: {error}") from error
    if not isinstance(values, dict):
        what = {list: "a list", type(None): "nothing"}.get(type(values), repr(values))
        raise RecipeError(f"a recipe is a mapping of keys to values; found {what}")
    return values


def _recipe(values: dict[Any, Any]) -> Recipe:
    try:
        recipe = FullRecipe.model_validate(values)
    except ValidationError as error:
        details = error.errors(include_url=False)
        raise _combined([_problem(detail) for detail in details if not _repeats(detail, details)]) from error
    found = list(problems(recipe))
    if found:
        raise _combined(found)
    return recipe


def _combined(found: list[Problem]) -> RecipeError:
    count = "1 problem" if len(found) == 1 else f"{len(found)} problems"
    return RecipeError("\n  ".join([count, *map(str, found)]))


def _repeats(detail: ErrorDetails, details: Sequence[ErrorDetails]) -> bool:
    """Whether a list is reported as too short only because one of its entries has an error of its own."""
    place = detail["loc"]
    return detail["type"] == "too_short" and any(
        len(other["loc"]) > len(place) and other["loc"][: len(place)] == place for other in details
    )


def _problem(detail: ErrorDetails) -> Problem:
    loc = [key for key in detail["loc"] if key not in _UNION_MEMBERS]
    path = ".".join(str(key) for key in loc if key != "[key]")
    found: Any = detail["input"]
    context: dict[str, Any] = detail.get("ctx", {})
    if detail["type"] == "extra_forbidden":
        *parents, key = loc
        return Problem(path, found, f"there is no such key; {nearest(str(key), _keys_at(parents))}")
    if detail["type"] == "missing":
        return Problem(path, None, "this key is required")
    if detail["type"] == "literal_error":
        expected = str(context["expected"]).replace(" or ", ", ")
        return Problem(
            path, found, f"there is no such value; {nearest(str(found), expected.replace(chr(39), '').split(', '))}"
        )
    if detail["type"] == "string_pattern_mismatch":
        return Problem(path, found, _PATTERNS[context["pattern"]])
    if detail["type"] in _WORDS:
        return Problem(path, found, _WORDS[detail["type"]].format(**context))
    return Problem(path, found, detail["msg"].removeprefix("Value error, ").replace("Input should", "it must"))


# Pydantic describes types in Python's terms; these messages use YAML's.
_WORDS = {
    "int_type": "it must be a whole number",
    "int_parsing": "it must be a whole number",
    "int_from_float": "it must be a whole number",
    "float_type": "it must be a number",
    "float_parsing": "it must be a number",
    "finite_number": "it must be a finite number",
    "string_type": "it must be text",
    "bool_type": "it must be true or false",
    "list_type": "it must be a list",
    "tuple_type": "it must be a list",
    "dict_type": "it must be a mapping of keys to values",
    "model_type": "it must be a mapping of keys to values",
    "model_attributes_type": "it must be a mapping of keys to values",
    "invalid_key": "a key must be text",
    "string_too_short": "it must not be empty",
    "too_short": "it must have at least {min_length} in it",
    "too_long": "it must have at most {max_length} in it",
}
_PATTERNS = {
    r"^([0-9a-f]{64}|unpinned)$": "it must be 64 hex digits (0-9, a-f), or unpinned until slingshot pin sets it",
    r"^[a-z][a-z0-9_]*$": "a name has lower-case letters, digits and _, and starts with a letter",
    r"^(human|mixed|model:.+)$": "it must be human, mixed or model:NAME",
    r"^[^\r\n]$": 'it must be one character, such as ";" or "\\t"',
    r"^[^\r\n]?$": 'it must be one character, such as "\'", or "" for none',
}
_UNION_MEMBERS = ("str", "list[str]")


def _keys_at(path: Sequence[int | str]) -> list[str]:
    """The keys that the recipe's types allow at a path."""
    part: type[BaseModel] = FullRecipe
    inner: Any = None
    for key in path:
        if inner is None:
            annotation = part.model_fields[str(key)].annotation
            found = _part_in(annotation)
            if found is None:
                return []
            # In a mapping or list of parts the next key only selects one of them.
            inner = found if get_origin(annotation) in (dict, tuple) else None
            part = found if inner is None else part
        else:
            part, inner = inner, None
    return list(part.model_fields) if inner is None else []


def _part_in(annotation: Any) -> type[BaseModel] | None:
    if _is_part(annotation):
        return cast(type[BaseModel], annotation)
    return next((part for inner in get_args(annotation) if (part := _part_in(inner))), None)


def _is_part(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


class _Loader(yaml.SafeLoader):
    """Safe YAML that refuses a repeated key; PyYAML itself would use the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is given twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)
