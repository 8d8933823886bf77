"""Invalid recipes for tests: the starter with values changed by path, and the errors that it then gives."""

from __future__ import annotations

import copy
import functools
from typing import Any

import pytest
import yaml

from assets.loading.file import RecipeError, parse_recipe
from assets.recipe.types import Recipe
from tests.support.tiny import ROOT, plainer

STARTER = ROOT / "recipe.yaml"
SHA = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
ABSENT = object()


@functools.cache
def read_starter() -> dict[str, Any]:
    return plainer(yaml.safe_load(STARTER.read_text(encoding="utf-8")))


def starter() -> dict[str, Any]:
    return copy.deepcopy(read_starter())


def holder(values: Any, path: str) -> tuple[Any, Any]:
    """The container of the value at a dotted path, and its key or index there."""
    *parents, last = (int(key) if key.isdigit() else key for key in path.split("."))
    for key in parents:
        values = values[key]
    return values, last


def put(values: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    inside, key = holder(values, path)
    if value is ABSENT:
        del inside[key]
    else:
        inside[key] = value
    return values


def parsed(values: dict[str, Any]) -> Recipe:
    return parse_recipe(yaml.safe_dump(values, sort_keys=False, allow_unicode=True))


def complaints(*changes: tuple[str, object]) -> list[str]:
    """The lines of the error that the starter recipe gives after these changes of values."""
    values = starter()
    for path, value in changes:
        put(values, path, value)
    with pytest.raises(RecipeError) as refused:
        parsed(values)
    count, *lines = str(refused.value).split("\n  ")
    assert count == ("1 problem" if len(lines) == 1 else f"{len(lines)} problems")
    return lines
