"""A key that no manual explains is found by nobody. So every key of a recipe, with those of all methods, benchmarks and
rules, must stand as code in the section of a manual that is about its part."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from assets.curation.diversity import RULES
from assets.evaluation.benchmark import benchmarks
from assets.generation.method import methods
from assets.loading.whole import FullRecipe
from assets.recipe.parts import SamplingPart, TrainingPart
from assets.recipe.selections import Join
from tests.support.tiny import ROOT

RECIPES, MODELS = "recipes/README.md", "resources/models/README.md"
GENERATION, EVALUATION = "assets/generation/README.md", "assets/evaluation/README.md"
SOURCES, OPENNESS = "assets/sources/README.md", "assets/openness/README.md"
TRAINING = [(MODELS, "## Training"), (RECIPES, "## Keys"), (GENERATION, "## Settings")]
SAMPLING = [(GENERATION, "## Settings")]
JOIN = [(SOURCES, "## Choose rows")]
SECTIONS = {
    "": [(RECIPES, "## Keys")],
    "endpoint": [("resources/endpoint/README.md", "## Settings")],
    "policy": [(OPENNESS, "## What you declare"), (OPENNESS, "## The check"), (OPENNESS, "## Exceptions")],
    "models": [(MODELS, "## Declare a model")],
    "sources": [(SOURCES, "## Sources")],
    "ancestors": [(OPENNESS, "## What you declare")],
    "seed_tasks": [(SOURCES, "## Selections")],
    "documents": [(SOURCES, "## Selections")],
    "benchmark_items": [(SOURCES, "## Selections")],
    "generation": [(GENERATION, "## Settings")],
    "enhancement": [(RECIPES, "## Keys"), (RECIPES, "### Filters")],
    "curation": [(RECIPES, "### Filters"), (RECIPES, "### Decontamination"), (RECIPES, "### Budget")],
    "arms": [(RECIPES, "### Arms and ablations")],
    "evaluation": [(EVALUATION, "## Settings")],
}
"""The sections about a part of the recipe, by the first key of its path."""

ROWS = {**methods(), **benchmarks()}
"""What has a row of a table for its keys: they do not count for another one."""


def section(manual: str, heading: str) -> str:
    """The text below a heading, without code blocks, up to the next heading of the same or a higher level."""
    text = (ROOT / manual).read_text(encoding="utf-8")
    plain = re.sub(r"^(`{3,}).*?^\1$", "", text, flags=re.DOTALL | re.MULTILINE)
    level = len(heading.split(" ")[0])
    (found,) = re.findall(
        rf"^{re.escape(heading)}\n(.*?)(?=^#{{1,{level}}} |\Z)", plain, flags=re.DOTALL | re.MULTILINE
    )
    return str(found)


def named(text: str) -> set[str]:
    """The names that stand as code."""
    return {name for code in re.findall(r"`([^`\n]+)`", text) for name in re.findall(r"\w+", code)}


def parts(kind: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], type[BaseModel]]]:
    """Each type of a part with its path, in which names of the recipe's own are left out."""
    if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
        for one in get_args(kind):
            yield from parts(one, path)
        return
    yield path, kind
    for key, field in kind.model_fields.items():
        if key != "variants":  # each has the keys of its method, and `method`
            yield from parts(field.annotation, (*path, key))


def explained(path: tuple[str, ...], kind: type[BaseModel]) -> set[str]:
    """The keys that the manuals explain for a part."""
    if issubclass(kind, Join):
        places = JOIN
    elif issubclass(kind, TrainingPart):
        places = TRAINING
    else:
        places = SAMPLING if issubclass(kind, SamplingPart) else SECTIONS[".".join(path[:1])]
    lines = [line for place in places for line in section(*place).splitlines()]
    if path in (("generation",), ("evaluation",)):
        lines = [line.split("|")[1] if row_of(line) else line for line in lines]
    elif path[:1] in (("generation",), ("evaluation",)):
        lines = [line for line in lines if not row_of(line) or path[1] in row_of(line)]
    return named("\n".join(lines))


def row_of(line: str) -> set[str]:
    """The methods or benchmarks whose keys a line of a table has; none for any other line."""
    first = named(line.split("|")[1]) if line.startswith("|") else set[str]()
    return first if first <= ROWS.keys() else set()


ALL = {".".join(path): (path, kind) for path, kind in parts(FullRecipe)}


def test_all_parts_are_found() -> None:
    assert {
        "",
        "models",
        "training",
        "generation.self_instruct",
        "curation.diversity",
        "evaluation.judge",
    } <= ALL.keys()


@pytest.mark.parametrize("part", ALL)
def test_every_key_is_explained(part: str) -> None:
    path, kind = ALL[part]
    assert [key for key in kind.model_fields if key not in explained(path, kind)] == []


def test_the_key_of_a_variant_is_explained() -> None:
    assert {"variants", "method"} <= named(section(GENERATION, "## Settings"))


def test_a_key_that_only_another_method_has_is_not_explained() -> None:
    assert "pre_query" in explained(("generation", "magpie"), BaseModel)
    assert "pre_query" not in explained(("generation", "self_training"), BaseModel)


def test_every_diversity_rule_is_explained() -> None:
    assert RULES.keys() <= named(section(RECIPES, "### Filters"))
