"""Editors complete and check recipes by this schema: it must accept every recipe that is shipped, with `extends` or
without, and mark what can only be a mistake."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from assets.evaluation.benchmark import benchmarks
from assets.generation.method import methods
from assets.loading.schema import DIALECT, recipe_schema
from assets.recipe.types import Recipe
from slingshot import app
from tests.support.tiny import ROOT

SCHEMA = recipe_schema()
TYPES = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list, "object": dict}


def complaints(value: Any, schema: dict[str, Any] = SCHEMA, path: str = "") -> Iterator[str]:
    """What breaks the schema, by the keywords of JSON Schema that it uses and that matter here."""
    if "$ref" in schema:
        yield from complaints(value, SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")], path)
    if "anyOf" in schema and all([*complaints(value, one, path)] for one in schema["anyOf"]):
        yield f"{path}: fits none"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path}: not one of {schema['enum']}"
    if "const" in schema and value != schema["const"]:
        yield f"{path}: not {schema['const']}"
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    fitting = [kind for kind in kinds if (value is None if kind == "null" else isinstance(value, TYPES[kind]))]
    if isinstance(value, bool):
        fitting = [kind for kind in fitting if kind == "boolean"]
    if kinds and not fitting:
        yield f"{path}: not {' or '.join(kinds)}"
        return
    if isinstance(value, dict):
        condition = schema.get("if", {}).get("not", {}).get("required", ())
        needed = schema["then"]["required"] if condition and not set(condition) <= value.keys() else []
        yield from (f"{path}: lacks {key}" for key in [*needed, *schema.get("required", ())] if key not in value)
        for key, one in value.items():
            patterns = (
                inner for pattern, inner in schema.get("patternProperties", {}).items() if re.search(pattern, key)
            )
            inner = schema.get("properties", {}).get(key) or next(patterns, schema.get("additionalProperties", True))
            if inner is False:
                yield f"{path}: no key {key}"
            elif isinstance(inner, dict):
                yield from complaints(one, inner, f"{path}.{key}")
    if isinstance(value, list) and "items" in schema:
        for place, one in enumerate(value):
            yield from complaints(one, schema["items"], f"{path}.{place}")


@pytest.mark.parametrize(
    "recipe", [ROOT / "recipe.yaml", *sorted((ROOT / "recipes").rglob("*.yaml"))], ids=lambda one: one.name
)
def test_every_shipped_recipe_fits(recipe: Path) -> None:
    assert [*complaints(yaml.safe_load(recipe.read_text(encoding="utf-8")))] == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"curation": {"rwos": 3}}, [".curation: no key rwos"]),
        ({"training": {"epochs": "two"}}, [".training.epochs: not integer or null"]),
        ({"training": {"method": "lra"}}, [".training.method: not one of ['lora', 'full', None]"]),
        ({"seed_tasks": [{"source": "x"}]}, [".seed_tasks.0: lacks count", ".seed_tasks.0: lacks fields"]),
        ({"arms": {"A": {"methods": ["magpie"]}}}, [".arms: no key A"]),
        ({"models": {"generator": {"adress": "pypi:x"}}}, [".models.generator: no key adress"]),
        ({"generation": {"variants": {"x": {"method": "magpi"}}}}, [".generation.variants.x: fits none"]),
        ({"extend": "starter"}, [": no key extend"]),
    ],
)
def test_mistakes_are_marked(change: dict[str, Any], found: list[str]) -> None:
    assert [*complaints({"extends": "starter", **change})] == found


@pytest.mark.parametrize(
    "change",
    [
        {"curation": {"rows": 3}},
        {"arms": {"self_training": None}, "generation": {"self_training": None}},
        {"models": {"generator": {"engine": "transformers"}}},
        {"generation": {"variants": {"x": {"count": 3}, "y": {"method": "magpie", "count": 3}}}},
        {"enhancement": None, "seed": None},
    ],
)
def test_a_recipe_that_extends_another_may_lack_keys_and_remove_some(change: dict[str, Any]) -> None:
    assert [*complaints({"extends": "starter", **change})] == []


def test_a_recipe_that_extends_none_needs_the_parts_without_a_default() -> None:
    lacking = {line.removeprefix(": lacks ") for line in complaints({"seed": 1})}
    assert {"models", "sources", "arms", "training"} < lacking <= Recipe.model_fields.keys()
    assert lacking.isdisjoint({"seed", "retries", "documents"})


def test_every_key_is_in_it_with_those_of_methods_and_benchmarks() -> None:
    assert SCHEMA["$schema"] == DIALECT
    assert SCHEMA["properties"].keys() == {"extends", *Recipe.model_fields}
    defs = SCHEMA["$defs"]
    assert methods().keys() < defs["Generation.partial"]["properties"].keys()
    assert benchmarks().keys() < defs["Evaluation.partial"]["properties"].keys()
    assert "The paper does not publish these settings; all are ours." in defs["TrainingPart.partial"]["description"]


def test_the_command_prints_it_or_writes_it_to_a_file(tmp_path: Path) -> None:
    assert json.loads(CliRunner().invoke(app, ["schema"]).stdout) == SCHEMA
    out = tmp_path / "recipe.schema.json"
    assert CliRunner().invoke(app, ["schema", "--out", str(out)]).output == f"{out}\n"
    assert json.loads(out.read_text(encoding="utf-8")) == SCHEMA
