"""An error about too few rows names the key that decided about them. People change that key, so it must exist, be the
right one, and be as fine as there is one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import slingshot
from assets.loading.schema import recipe_schema
from assets.planning.graph import steps
from assets.recipe.types import Recipe
from tests.support.building import edit
from tests.support.recipes import parsed, put, starter
from tests.support.tiny import ROOT, WORDS
from warehouse.results.shortage import deciding_key

FILTERED = "enhanced_instructions/filtered_extract_then_generate"
HEURISTICS, ALIGNMENT, SELF_INSTRUCT = "enhancement.heuristics", "enhancement.alignment", "generation.self_instruct"


def key(recipe: Recipe, asset: str, reason: str) -> str:
    (step,) = [one for one in steps(recipe) if one.asset == asset]
    return deciding_key(step.remedies, "rejected", reason)


@pytest.mark.parametrize(
    ("asset", "reason", "expected"),
    [
        ("raw_self_instruct", "blacklisted word: files", f"{SELF_INSTRUCT}.blacklist"),
        ("raw_self_instruct", "too short", f"{SELF_INSTRUCT}.words"),
        ("raw_self_instruct", "ROUGE-L", f"{SELF_INSTRUCT}.rouge_l"),
        ("raw_self_instruct", "instruction cut off", f"{SELF_INSTRUCT}.instruction.max_new_tokens"),
        ("raw_self_instruct", "no whole sentence", f"{SELF_INSTRUCT}.response.max_new_tokens"),
        ("raw_self_instruct", "starts with punctuation", SELF_INSTRUCT),
        ("raw_instruction_generation", "not chosen", "generation.instruction_generation.candidates"),
        ("raw_instruction_generation", "no whole sentence", "generation.instruction_generation"),
        (FILTERED, "response too long", f"{HEURISTICS}.response_words"),
        (FILTERED, "refusal in the response: (?i)sorry", f"{HEURISTICS}.unwanted.refusal"),
        (FILTERED, "equal response", f"{HEURISTICS}.equal_responses"),
        (FILTERED, "perplexity", "enhancement.perplexity.keep"),
        (FILTERED, "perplexity too high", "enhancement.perplexity.at_most"),
        (FILTERED, "no perplexity", "enhancement.perplexity.measure"),
        ("diverse_instructions/self_instruct", "similar instruction", "curation.diversity.similarity"),
        ("training_sets/self_instruct", "13 words in a row of a benchmark item", "curation.decontamination.ngram"),
        ("training_sets/self_instruct", "text of a benchmark item", "benchmark_items"),
        ("training_sets/self_instruct", "beyond the budget", "curation.rows"),
    ],
)
def test_a_reason_has_the_finest_key_that_decides_about_it(asset: str, reason: str, expected: str) -> None:
    assert key(parsed(put(starter(), "curation.decontamination", {})), asset, reason) == expected


def test_what_an_arm_sets_itself_is_the_key() -> None:
    values = put(starter(), ALIGNMENT, {"keep": 0.5})
    values = put(values, "arms.filtered_extract_then_generate.filters", ["heuristics", "alignment"])
    values = put(values, "arms.filtered_extract_then_generate.keep", 0.4)
    values = put(values, "arms.filtered_extract_then_generate.measure", "similarity")
    recipe = parsed(values)
    assert key(recipe, FILTERED, "similarity") == "arms.filtered_extract_then_generate.keep"
    assert key(recipe, FILTERED, "no similarity") == "arms.filtered_extract_then_generate.measure"
    assert key(recipe, FILTERED, "similarity too low") == f"{ALIGNMENT}.at_least"


def test_another_diversity_rule_has_another_key() -> None:
    recipe = parsed(put(starter(), "curation.diversity", {"rule": "k_center", "select": 64, "embedder": "embedder"}))
    assert key(recipe, "diverse_instructions/self_instruct", "not selected") == "curation.diversity.select"


@pytest.mark.parametrize(
    "file", ["recipe.yaml", "recipes/experiments/study.yaml", "recipes/paper.yaml", "recipes/experiments/forms.yaml"]
)
def test_every_key_is_one_of_a_recipe(file: str) -> None:
    schema = recipe_schema()
    recipe = slingshot.open(ROOT / file).recipe
    keys = {key for step in steps(recipe) for key in step.remedies.values()}
    assert len(keys) > 20
    assert {key for key in keys if not exists(schema, key)} == set()


def exists(schema: dict[str, Any], path: str) -> bool:
    """Whether the JSON Schema of recipes has the key at a dotted path."""
    found = [schema]
    for name in path.split("."):
        found = [inner for one in found for part in parts(schema, one) for inner in below(part, name)]
    return bool(found)


def parts(schema: dict[str, Any], one: dict[str, Any]) -> list[dict[str, Any]]:
    if "$ref" in one:
        return parts(schema, schema["$defs"][one["$ref"].rpartition("/")[2]])
    members = [*one.get("anyOf", ()), *one.get("oneOf", ()), *one.get("allOf", ())]
    return [one, *(inner for member in members for inner in parts(schema, member))]


def below(part: dict[str, Any], name: str) -> list[dict[str, Any]]:
    named = part.get("properties", {}).get(name)
    others = [part.get("additionalProperties"), *part.get("patternProperties", {}).values()]
    listed = part.get("items") if name.isdigit() else None
    return [one for one in (named, *others, listed) if isinstance(one, dict)]


def test_a_build_that_lacks_rows_names_the_list_that_rejected_them(tiny: Path, tmp_path: Path) -> None:
    edit(tiny, lambda recipe: recipe["generation"]["self_instruct"].update(blacklist=WORDS, words=[1, 150]))
    with pytest.raises(slingshot.BuildFailed) as failed:
        slingshot.open(tiny, tmp_path / "data").build("+training_sets/self_instruct")
    (failure,) = failed.value.failures
    assert failure.asset == "training_sets/self_instruct"
    assert "arm 'self_instruct' has 0 pairs, curation.rows asks for 2: 2 are missing; removed were: " in failure.message
    assert f"({SELF_INSTRUCT}.blacklist)" in failure.message
