"""A method is one file: each is found by its declaration, and the method that the manual shows works as printed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from assets.generation.method import methods
from assets.planning.graph import steps
from tests.support.building import query
from tests.support.printed import build_with
from tests.support.recipes import parsed, put, starter
from tests.support.tiny import ROOT
from warehouse.schema.records import Pair, empty

GENERATION = (ROOT / "assets/generation/README.md").read_text(encoding="utf-8")


def test_every_method_is_found_by_its_name_and_gives_the_lineage_of_all_columns() -> None:
    assert list(methods()) == sorted(methods())
    assert {"self_training", "self_instruct", "instruction_generation", "extract_then_generate"} <= methods().keys()
    for name, method in methods().items():
        assert (method.name, method.asset) == (name, f"raw_{name}")
        assert set(method.columns) == set(empty(Pair).columns), name


def test_a_method_that_calls_no_model_does_not_depend_on_one() -> None:
    recipe = parsed(put(starter(), "generation.seeds", {"count": 3}))
    found = {step.asset: step for step in steps(recipe)}
    assert (found["raw_seeds"].calls_model, found["raw_self_training"].calls_model) == (False, True)
    assert list(found["raw_seeds"].slice) == ["seed", "generation.seeds"]


@pytest.mark.parametrize(
    ("method", "settings", "sampling"),
    [
        ("self_instruct", {"calls": 1, "rounds": 1, "most": 1}, {"instruction": (0.7, 0.5), "response": (0.0, 1.0)}),
        ("magpie", {"count": 1, "pre_query": "User:"}, {"instruction": (1.0, 1.0), "response": (0.0, 1.0)}),
        ("unnatural_instructions", {"calls": 1}, {"task": (1.0, 0.99), "response": (0.0, 1.0)}),
        ("back_translation", {"iterations": 1}, {"instruction": (0.7, 0.9), "rating": (0.7, 0.9)}),
    ],
)
def test_a_recipe_without_sampling_settings_gets_the_published_ones(
    method: str, settings: dict[str, Any], sampling: dict[str, tuple[float, float]]
) -> None:
    bare = settings | {key: {"max_new_tokens": 8} for key in sampling}
    found = methods()[method].settings.model_validate(bare).model_dump()
    assert {key: (found[key]["temperature"], found[key]["top_p"]) for key in sampling} == sampling


def test_the_manual_lists_every_method() -> None:
    (section,) = re.findall(r"## Methods\n(.*?)\n## ", GENERATION, re.DOTALL)
    assert sorted(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == list(methods())


def test_the_method_that_the_manual_shows_works_as_printed(tiny: Path, tmp_path: Path) -> None:
    recipe = yaml.safe_load(tiny.read_text())
    recipe["generation"]["paraphrase"] = {"instruction": {"max_new_tokens": 24, "temperature": 1.0}}
    recipe["arms"] = {"own": {"methods": ["paraphrase"], "filters": ["heuristics"]}}
    tiny.write_text(yaml.safe_dump(recipe, sort_keys=False))
    file = "assets/generation/methods/paraphrase.py"
    assert build_with(GENERATION, file, tiny, tmp_path, "+training_sets/own") == "[]"
    found = query(tmp_path / "data", "SELECT DISTINCT method FROM records.pair")
    assert found["method"].to_list() == ["paraphrase"]
