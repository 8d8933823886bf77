"""The graph decides what is rebuilt after a change of the recipe. One path too many in a step's slice costs hours of
model calls; one too few shows an old dataset as fresh. So these tests compare exact sets of changed steps."""

from __future__ import annotations

import copy
import functools
import inspect
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from assets import STAGES
from assets.loading.file import load_recipe, parse_recipe
from assets.planning.graph import steps
from assets.recipe.types import FILTERS, Recipe
from assets.steps.step import Step
from tests.support.tiny import ROOT, plainer

STARTER = ROOT / "recipe.yaml"
ARMS = ("self_training", "self_instruct", "instruction_generation", "filtered_extract_then_generate")
DIVERSE = ARMS[1:]
FILTERED = "filtered_extract_then_generate"


@functools.cache
def _starter() -> dict[str, Any]:
    return plainer(yaml.safe_load(STARTER.read_text(encoding="utf-8")))


def plain() -> Recipe:
    return parse_recipe(yaml.safe_dump(_starter(), sort_keys=False))


def changed(path: str, value: object) -> Recipe:
    """The starter recipe with the value at a dotted path replaced."""
    values = copy.deepcopy(_starter())
    *parents, last = path.split(".")
    inside = functools.reduce(lambda at, key: at[int(key) if key.isdigit() else key], parents, values)
    inside[last] = value
    return parse_recipe(yaml.safe_dump(values, sort_keys=False))


def code_versions(recipe: Recipe) -> dict[str, str]:
    return {step.asset: step.recipe_and_code for step in steps(recipe)}


def under(folder: str, names: Iterable[str]) -> set[str]:
    return {f"{folder}/{name}" for name in names}


def assert_consistent(found: list[Step]) -> None:
    """Asset names are unique, every input is an earlier step, and the parameters of each build are its inputs."""
    built: set[str] = set()
    for step in found:
        assert step.asset not in built
        assert set(step.inputs.values()) <= built, f"{step.asset} reads a later step"
        built.add(step.asset)
        # Raises TypeError if an input has no parameter or a parameter has no input.
        inspect.signature(step.build).bind(None, **dict.fromkeys(step.inputs))


def test_the_graph_of_the_starter_recipe_is_consistent() -> None:
    assert_consistent(steps(load_recipe(STARTER)))


def test_the_starter_recipe_gives_these_assets_with_these_inputs() -> None:
    reads = {step.asset: dict(step.inputs) for step in steps(load_recipe(STARTER))}
    items = {"benchmark_items": "benchmark_items"}
    expected: dict[str, dict[str, str]] = {
        "benchmark_items": {},
        "seed_tasks": items,
        "documents": items,
        "raw_self_training": {"seed_tasks": "seed_tasks"},
        "raw_self_instruct": {"seed_tasks": "seed_tasks"},
        "backward_model": {"seed_tasks": "seed_tasks"},
        "raw_instruction_generation": {"documents": "documents", "backward_model": "backward_model"},
        "fragments": {"documents": "documents"},
        "raw_extract_then_generate": {
            "fragments": "fragments",
            "documents": "documents",
            "backward_model": "backward_model",
        },
        "alignments/extract_then_generate": {"pairs": "raw_extract_then_generate"},
        "instruction_embeddings/self_instruct": {"pairs": "raw_self_instruct"},
        "instruction_embeddings/instruction_generation": {"pairs": "raw_instruction_generation"},
        "instruction_embeddings/extract_then_generate": {"pairs": "raw_extract_then_generate"},
        "enhanced_instructions/self_training": {"pairs_self_training": "raw_self_training"},
        "enhanced_instructions/self_instruct": {"pairs_self_instruct": "raw_self_instruct"},
        "enhanced_instructions/instruction_generation": {"pairs_instruction_generation": "raw_instruction_generation"},
        f"enhanced_instructions/{FILTERED}": {
            "pairs_extract_then_generate": "raw_extract_then_generate",
            "alignments_extract_then_generate": "alignments/extract_then_generate",
        },
        "diverse_instructions/self_training": {"pairs": "enhanced_instructions/self_training"},
        "diverse_instructions/self_instruct": {
            "pairs": "enhanced_instructions/self_instruct",
            "embeddings_self_instruct": "instruction_embeddings/self_instruct",
        },
        "diverse_instructions/instruction_generation": {
            "pairs": "enhanced_instructions/instruction_generation",
            "embeddings_instruction_generation": "instruction_embeddings/instruction_generation",
        },
        f"diverse_instructions/{FILTERED}": {
            "pairs": f"enhanced_instructions/{FILTERED}",
            "embeddings_extract_then_generate": "instruction_embeddings/extract_then_generate",
            "alignments_extract_then_generate": "alignments/extract_then_generate",
        },
        "predictions/longform/base": items,
        "leaderboard": {f"scores_longform_{arm}": f"scores/longform/{arm}" for arm in ("base", *ARMS)},
    }
    for arm in ARMS:
        expected[f"training_sets/{arm}"] = {"pairs": f"diverse_instructions/{arm}", **items}
        expected[f"quality/{arm}"] = {"pairs": f"training_sets/{arm}"}
        expected[f"students/{arm}"] = {"training_set": f"training_sets/{arm}"}
        expected[f"predictions/longform/{arm}"] = {**items, "student": f"students/{arm}"}
    for arm in ("base", *ARMS):
        expected[f"scores/longform/{arm}"] = {"predictions": f"predictions/longform/{arm}", **items}
    assert reads == expected


@pytest.mark.parametrize("recipe", [STARTER, *sorted((ROOT / "recipes").rglob("*.yaml"))], ids=lambda path: path.stem)
def test_every_asset_belongs_to_a_stage(recipe: Path) -> None:
    assert {step.group for step in steps(load_recipe(recipe))} <= set(STAGES)


def test_a_build_that_lacks_a_parameter_for_an_input_is_inconsistent() -> None:
    (step,) = (step for step in steps(load_recipe(STARTER)) if step.asset == "raw_extract_then_generate")
    with pytest.raises(TypeError, match="missing a required argument: 'backward_model'"):
        inspect.signature(inspect.unwrap(step.build)).bind(None, fragments=None, documents=None)


METHODS = ("self_training", "self_instruct", "instruction_generation", "extract_then_generate")

SEEDED = {
    "leaderboard",
    "benchmark_items",
    "seed_tasks",
    "documents",
    "fragments",
    "backward_model",
    *(f"raw_{method}" for method in METHODS),
    *under("training_sets", ARMS),
    *under("students", ARMS),
    *under("predictions/longform", ("base", *ARMS)),
}
OF_GENERATOR = {
    "fragments",
    "backward_model",
    "perplexities/extract_then_generate",
    *(f"raw_{method}" for method in METHODS),
    *under("quality", ARMS),
    *under("students", ARMS),
    *under("predictions/longform", ("base", *ARMS)),
}


@pytest.mark.parametrize(
    ("path", "value", "stale"),
    [
        ("seed", 1, SEEDED),
        ("models.generator.sha256", "0" * 64, OF_GENERATOR),
        (
            "models.embedder.sha256",
            "0" * 64,
            under("instruction_embeddings", ("self_instruct", "instruction_generation", "extract_then_generate"))
            | under("quality", ARMS),
        ),
        ("sources.wikibooks_recipes.sha256", "0" * 64, {"benchmark_items", "seed_tasks"}),
        ("sources.wikipedia_leads.sha256", "0" * 64, {"benchmark_items", "seed_tasks", "documents"}),
        ("seed_tasks.1.count", 7777, {"seed_tasks"}),
        ("documents.0.count", 7777, {"documents"}),
        ("benchmark_items.0.count", 7777, {"benchmark_items"}),
        ("generation.backward_model.rank", 7777, {"backward_model"}),
        ("generation.self_training.count", 77, {"raw_self_training"}),
        ("generation.self_instruct.rouge_l", 0.123, {"raw_self_instruct"}),
        (
            "generation.instruction_generation.instruction.max_new_tokens",
            7777,
            {"raw_instruction_generation"},
        ),
        ("generation.extract_then_generate.instruction.max_new_tokens", 7777, {"raw_extract_then_generate"}),
        ("enhancement.fragments.keywords", 77, {"fragments"}),
        ("enhancement.heuristics.instruction_words", [1, 7777], under("enhanced_instructions", ARMS)),
        ("enhancement.perplexity.keep", 0.123, {f"enhanced_instructions/{FILTERED}"}),
        (
            "enhancement.perplexity.measure",
            "response_alone",
            {"perplexities/extract_then_generate", f"enhanced_instructions/{FILTERED}"},
        ),
        ("curation.diversity.similarity", 0.123, under("diverse_instructions", DIVERSE)),
        ("curation.rows", 7777, under("training_sets", ARMS)),
        (
            "arms.self_instruct.filters",
            ["diversity"],
            {"enhanced_instructions/self_instruct"},
        ),
        ("training.rank", 7777, under("students", ARMS)),
        ("evaluation.longform.answer.max_new_tokens", 7777, under("predictions/longform", ("base", *ARMS))),
    ],
)
def test_one_changed_value_makes_exactly_these_steps_stale(path: str, value: object, stale: set[str]) -> None:
    before, after = code_versions(plain()), code_versions(changed(path, value))
    assert before.keys() == after.keys()
    assert {asset for asset in before if before[asset] != after[asset]} == stale


def test_another_order_of_keys_makes_nothing_stale() -> None:
    turned = {key: _starter()[key] for key in reversed(_starter())}
    turned["enhancement"] = {
        **turned["enhancement"],
        "perplexity": dict(reversed(turned["enhancement"]["perplexity"].items())),
    }
    assert code_versions(parse_recipe(yaml.safe_dump(turned, sort_keys=False))) == code_versions(plain())


def test_writing_out_a_default_makes_nothing_stale() -> None:
    values = copy.deepcopy(_starter())
    values["seed_tasks"], values["benchmark_items"] = values["seed_tasks"][:1], values["benchmark_items"][1:]
    del values["seed_tasks"][0]["slice"]
    values["generation"]["self_training"]["count"] = values["seed_tasks"][0]["count"]
    values["enhancement"]["perplexity"].pop("measure", None)
    values["training"].pop("checkpoint_every", None)
    silent = parse_recipe(yaml.safe_dump(values, sort_keys=False))
    values["seed_tasks"][0]["slice"] = [0, 100]
    values["enhancement"]["perplexity"]["measure"] = "response_given_instruction"
    values["training"]["checkpoint_every"] = 8
    assert code_versions(parse_recipe(yaml.safe_dump(values, sort_keys=False))) == code_versions(silent)


def test_adding_a_filter_to_an_arm_adds_its_measurement() -> None:
    before = code_versions(plain())
    after = code_versions(changed("arms.self_training.filters", ["heuristics", "perplexity"]))
    assert after.keys() - before.keys() == {"perplexities/self_training"}
    assert {asset for asset in before if before[asset] != after[asset]} == {"enhanced_instructions/self_training"}


def test_adding_an_arm_makes_only_the_leaderboard_stale() -> None:
    arm = {"methods": ["self_training", "self_instruct"], "filters": ["heuristics"]}
    before = code_versions(plain())
    after = code_versions(changed("arms", {**_starter()["arms"], "both": arm}))
    assert {asset for asset in before if before[asset] != after[asset]} == {"leaderboard"}
    assert after.keys() - before.keys() == {
        f"{folder}/both"
        for folder in (
            "enhanced_instructions",
            "diverse_instructions",
            "training_sets",
            "quality",
            "students",
            "predictions/longform",
            "scores/longform",
        )
    }


def test_a_version_depends_on_the_inputs() -> None:
    (step,) = (step for step in steps(load_recipe(STARTER)) if step.asset == "seed_tasks")
    one = step.target({"benchmark_items": "1" * 32}).version
    assert one == step.target({"benchmark_items": "1" * 32}).version
    assert one != step.target({"benchmark_items": "2" * 32}).version


def smaller(methods: Iterable[str], arms: dict[str, Any]) -> Recipe:
    """The starter recipe with only these methods and arms."""
    values = copy.deepcopy(_starter())
    unused = set(METHODS) - set(methods)
    for method in unused:
        del values["generation"][method]
    if unused >= {"instruction_generation", "extract_then_generate"}:
        del values["generation"]["backward_model"], values["documents"], values["enhancement"]["fragments"]
    values["arms"] = arms
    return parse_recipe(yaml.safe_dump(values, sort_keys=False))


def test_a_recipe_without_documents_gives_a_smaller_consistent_graph() -> None:
    found = steps(smaller(["self_training"], {"only": {"methods": ["self_training"], "filters": []}}))
    assert_consistent(found)
    assert [step.asset for step in found] == [
        "benchmark_items",
        "seed_tasks",
        "raw_self_training",
        "enhanced_instructions/only",
        "diverse_instructions/only",
        "training_sets/only",
        "quality/only",
        "students/only",
        "predictions/longform/only",
        "scores/longform/only",
        "predictions/longform/base",
        "scores/longform/base",
        "leaderboard",
    ]


@settings(deadline=None, max_examples=50)
@given(data=st.data())
def test_the_graph_of_any_recipe_is_consistent(data: st.DataObject) -> None:
    methods = data.draw(st.lists(st.sampled_from(METHODS), min_size=1, unique=True))
    arm = st.fixed_dictionaries(
        {
            "methods": st.lists(st.sampled_from(methods), min_size=1, unique=True),
            "filters": st.lists(st.sampled_from(FILTERS), unique=True),
        }
    )
    arms = data.draw(st.dictionaries(st.sampled_from("abc"), arm, min_size=1))
    assert_consistent(steps(smaller(methods, arms)))


def imported(code: str) -> set[str]:
    """The top-level packages that a fresh interpreter has imported after `code`."""
    script = f"{code}\nimport sys\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_the_graph_loads_without_dagster_and_without_a_model_library() -> None:
    loaded = imported(
        "from pathlib import Path\n"
        "from assets.planning.graph import steps\n"
        "from assets.loading.file import load_recipe\n"
        f"steps(load_recipe(Path({str(STARTER)!r})))"
    )
    assert "assets" in loaded
    assert loaded & {"dagster", "torch", "transformers", "sentence_transformers", "peft", "trl"} == set()
