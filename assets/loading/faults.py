"""What pydantic finds wrong with the types of a recipe, in YAML's words and with what would be right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from assets.loading.drawing import that_draw
from assets.loading.rules import Problem
from assets.loading.whole import VARIANTS, FullRecipe
from assets.recipe.parts import UntilPart
from warehouse.core.texts import nearest


def repeats(detail: ErrorDetails, details: Sequence[ErrorDetails]) -> bool:
    """Whether a list is reported as too short only because one of its entries has an error of its own."""
    place = detail["loc"]
    return detail["type"] == "too_short" and any(
        len(other["loc"]) > len(place) and other["loc"][: len(place)] == place for other in details
    )


def place_of(detail: ErrorDetails) -> list[int | str]:
    """The keys and positions that lead to what pydantic complains about."""
    return [key for key in _located(detail)[0] if key != "[key]"]


def _located(detail: ErrorDetails) -> tuple[list[int | str], type[BaseModel] | None]:
    """Where a complaint is, as pydantic says it without members of unions; and the type of its variant, if any."""
    loc = [key for key in detail["loc"] if key not in _UNION_MEMBERS]
    variant = VARIANTS.get(str(loc.pop(3))) if loc[:2] == ["generation", "variants"] and len(loc) > 3 else None
    return loc, variant


def keys_beside(detail: ErrorDetails) -> list[str]:
    """The keys that may stand where there is one that no type has."""
    loc, variant = _located(detail)
    return list(variant.model_fields) if variant and len(loc) == 4 else _keys_at(loc[:-1])


def problem_of(detail: ErrorDetails) -> Problem:
    """A complaint of pydantic in the words of a recipe."""
    loc, variant = _located(detail)
    path = ".".join(map(str, place_of(detail)))
    found: Any = detail["input"]
    context: dict[str, Any] = detail.get("ctx", {})
    if detail["type"] == "extra_forbidden":
        *parents, key = loc
        if loc[:1] == ["generation"] and key in UntilPart.model_fields and (variant or len(parents) == 2):
            return Problem(path, found, f"this method cannot draw more; these can: {', '.join(that_draw())}")
        return Problem(path, found, f"there is no such key; {nearest(str(key), keys_beside(detail))}")
    if detail["type"] == "missing":
        return Problem(path, None, "this key is required")
    if detail["type"] == "union_tag_not_found":
        return Problem(f"{path}.method", None, f"this key is required; it must name one of {', '.join(VARIANTS)}")
    if detail["type"] == "union_tag_invalid":
        return Problem(
            f"{path}.method", context["tag"], f"there is no such method; {nearest(context['tag'], VARIANTS)}"
        )
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
