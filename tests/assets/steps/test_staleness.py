"""An edit of a recipe key must make stale what depends on it and nothing else. Too few stale assets keep wrong rows,
too many cost model calls. Every key of the starter is edited once; a key that is missing here fails a test."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.building import build, planned
from tests.support.editing import NO_DIGEST, leaves, put, starter_keys, starter_shaped

ARMS = ("self_training", "self_instruct", "instruction_generation", "filtered_extract_then_generate")
STAGES = (
    "enhanced_instructions",
    "diverse_instructions",
    "training_sets",
    "quality",
    "students",
    "predictions/longform",
    "scores/longform",
)


def arm(name: str, first: str = STAGES[0], last: str = STAGES[-1]) -> set[str]:
    return {f"{stage}/{name}" for stage in STAGES[STAGES.index(first) : STAGES.index(last) + 1]}


def arms(first: str, last: str = STAGES[-1], *names: str) -> set[str]:
    return {asset for name in names or ARMS for asset in arm(name, first, last)}


BOARD = {"leaderboard"}
BASE = {"predictions/longform/base", "scores/longform/base"}
SELF_TRAINING = {"raw_self_training"} | arm("self_training") | BOARD
SELF_INSTRUCT = {"raw_self_instruct", "instruction_embeddings/self_instruct"} | arm("self_instruct") | BOARD
GENERATED = (
    {"raw_instruction_generation", "instruction_embeddings/instruction_generation"}
    | arm("instruction_generation")
    | BOARD
)
MEASURES = {"instruction_embeddings/extract_then_generate", "perplexities/extract_then_generate"}
EXTRACTED = {"raw_extract_then_generate"} | MEASURES | arm("filtered_extract_then_generate") | BOARD
BACKWARD = {"backward_model"} | GENERATED | EXTRACTED
SEEDS = {"seed_tasks"} | SELF_TRAINING | SELF_INSTRUCT | BACKWARD
FRAGMENTS = {"fragments"} | EXTRACTED
DOCUMENTS = {"documents"} | GENERATED | FRAGMENTS
ANSWERS = arms("predictions/longform") | BASE | BOARD
STUDENTS = arms("students") | BOARD
TRAINING_SETS = arms("training_sets", "training_sets")
QUALITY = arms("quality", "quality")
SOURCES = {"benchmark_items", "seed_tasks", "documents"}
# Rows that contain a benchmark text are searched for again. There are none, so the students do not change.
ITEMS = SOURCES | TRAINING_SETS | ANSWERS
GENERATOR = (
    {"raw_self_training", "raw_self_instruct", "backward_model", "raw_instruction_generation", "fragments"}
    | {"raw_extract_then_generate", "perplexities/extract_then_generate", "predictions/longform/base"}
    | {asset for asset in STUDENTS | ANSWERS if asset.startswith(("students/", "predictions/"))}
)
EMBEDDINGS = {
    f"instruction_embeddings/{method}"
    for method in ("self_instruct", "instruction_generation", "extract_then_generate")
}
DIVERSE = arms("diverse_instructions", STAGES[-1], *ARMS[1:]) | BOARD
ALL = SEEDS | DOCUMENTS | ITEMS
NOTHING: set[str] = set()

# The starter has one benchmark, so there is no other value to set.
FIXED = ["benchmark_items.0.benchmark", "benchmark_items.1.benchmark"]

# (key, new value, assets that are stale or may become so, model calls at most). Training a student is one call, and its
# predictions are four.
EDITS: list[tuple[str, Any, set[str], int]] = [
    ("seed", 7, ALL, 158),
    # The policy and the declarations of models and sources are only checked again, on training sets. No row changes.
    ("policy.licences", ["Apache-2.0", "CC0-1.0"], TRAINING_SETS, 0),
    ("policy.commercial", False, TRAINING_SETS, 0),
    ("policy.exceptions.smol_smoltalk", "another reason", TRAINING_SETS, 0),
    ("policy.exceptions.ultrafeedback", "another reason", TRAINING_SETS, 0),
    *(
        (f"ancestors.{name}.{key}", value, TRAINING_SETS, 0)
        for name in ("smol_smoltalk", "magpie_ultra", "openhermes", "ultrafeedback")
        for key, value in (("address", "https://example.org"), ("licence", "CC0-1.0"), ("origin", "model:bard"))
    ),
    ("ancestors.smol_smoltalk.made_from", ["gpt-4"], TRAINING_SETS, 0),
    ("ancestors.ultrafeedback.made_from", ["gpt-4"], TRAINING_SETS, 0),
    # The same bytes at another address or under another licence are the same model: its calls are stored.
    ("models.generator.address", "path:copy_of_generator", GENERATOR | QUALITY, 0),
    ("models.generator.licence", "MIT", GENERATOR | TRAINING_SETS | QUALITY, 0),
    ("models.generator.origin", "mixed", GENERATOR | TRAINING_SETS | QUALITY, 0),
    ("models.generator.made_from", ["ultrafeedback", "smol_smoltalk"], GENERATOR | TRAINING_SETS | QUALITY, 0),
    ("models.generator.sha256", NO_DIGEST, ALL - SOURCES, 158),
    ("models.embedder.address", "path:copy_of_embedder", EMBEDDINGS | QUALITY, 0),
    ("models.embedder.licence", "MIT", EMBEDDINGS | TRAINING_SETS | QUALITY, 0),
    ("models.embedder.origin", "mixed", EMBEDDINGS | TRAINING_SETS | QUALITY, 0),
    ("models.embedder.sha256", NO_DIGEST, EMBEDDINGS | DIVERSE | QUALITY, 40),
    ("sources.wikibooks_recipes.address", "path:copy_of_wikibooks_recipes.jsonl", {"benchmark_items", "seed_tasks"}, 0),
    ("sources.wikibooks_recipes.licence", "MIT", {"benchmark_items", "seed_tasks"} | TRAINING_SETS, 0),
    ("sources.wikibooks_recipes.origin", "mixed", {"benchmark_items", "seed_tasks"} | TRAINING_SETS, 0),
    ("sources.wikibooks_recipes.sha256", NO_DIGEST, ALL, 165),
    ("sources.wikipedia_leads.address", "path:copy_of_wikipedia_leads.jsonl", SOURCES, 0),
    ("sources.wikipedia_leads.licence", "MIT", SOURCES | TRAINING_SETS, 0),
    ("sources.wikipedia_leads.origin", "mixed", SOURCES | TRAINING_SETS, 0),
    ("sources.wikipedia_leads.sha256", NO_DIGEST, ALL, 165),
    ("seed_tasks.0.source", "other_rows", SEEDS, 143),
    ("seed_tasks.1.source", "other_rows", SEEDS, 143),
    ("seed_tasks.0.slice", [0, 30], SEEDS, 139),
    ("seed_tasks.1.slice", [0, 30], SEEDS, 136),
    ("seed_tasks.0.count", 7, SEEDS, 138),
    # Self-training uses twelve seed tasks, and the first twelve do not change.
    ("seed_tasks.1.count", 7, SEEDS - arm("self_training"), 125),
    # No row is longer than 40 words, so the rows do not change.
    ("seed_tasks.0.words", [3, 41], {"seed_tasks"}, 0),
    ("seed_tasks.1.words", [3, 41], {"seed_tasks"}, 0),
    ("seed_tasks.0.fields.instruction", "tell me the {title}", SEEDS, 149),
    ("seed_tasks.1.fields.instruction", "tell me the {title}", SEEDS, 149),
    ("seed_tasks.0.fields.response", "the {text}", SEEDS, 71),
    ("seed_tasks.1.fields.response", "the {text}", SEEDS, 71),
    ("documents.0.source", "other_rows", DOCUMENTS, 75),
    ("documents.0.slice", [40, 70], DOCUMENTS, 25),
    ("documents.0.count", 13, DOCUMENTS, 20),
    ("documents.0.words", [3, 41], {"documents"}, 0),
    # The title is not part of a prompt, but of the document's id, and the id decides the level of its fragment.
    ("documents.0.fields.title", "a {title}", DOCUMENTS, 31),
    ("documents.0.fields.text", "the {text}", DOCUMENTS, 67),
    ("benchmark_items.0.source", "other_rows", ITEMS, 10),
    ("benchmark_items.1.source", "other_rows", ITEMS, 10),
    ("benchmark_items.0.slice", [90, 100], ITEMS, 5),
    ("benchmark_items.1.slice", [90, 100], ITEMS, 10),
    ("benchmark_items.0.count", 3, ITEMS, 5),
    ("benchmark_items.1.count", 3, ITEMS, 5),
    ("benchmark_items.0.words", [3, 41], {"benchmark_items"}, 0),
    ("benchmark_items.1.words", [3, 41], {"benchmark_items"}, 0),
    ("benchmark_items.0.fields.instruction", "tell me the {title}", ITEMS, 20),
    ("benchmark_items.1.fields.instruction", "tell me the {title}", ITEMS, 20),
    ("benchmark_items.0.fields.reference", "the {text}", ITEMS, 0),
    ("benchmark_items.1.fields.reference", "the {text}", ITEMS, 0),
    ("generation.model", "other_generator", ALL - SOURCES - BASE, 154),
    *(
        (f"generation.backward_model.{key}", value, BACKWARD, 71)
        for key, value in (
            ("epochs", 2),
            ("learning_rate", 0.001),
            ("rank", 4),
            ("alpha", 8),
            ("batch_size", 2),
            ("max_tokens", 129),
            ("last_layers", 1),
        )
    ),
    ("generation.self_training.count", 5, SELF_TRAINING, 5),
    ("generation.self_training.response.max_new_tokens", 4, SELF_TRAINING, 16),
    ("generation.self_training.response.temperature", 0.9, SELF_TRAINING, 17),
    ("generation.self_training.response.top_p", 0.9, SELF_TRAINING, 17),
    ("generation.self_instruct.calls", 25, SELF_INSTRUCT, 38),
    ("generation.self_instruct.rounds", 3, SELF_INSTRUCT, 49),
    ("generation.self_instruct.most", 2, SELF_INSTRUCT, 5),
    ("generation.self_instruct.instruction.max_new_tokens", 4, SELF_INSTRUCT, 56),
    ("generation.self_instruct.instruction.temperature", 0.9, SELF_INSTRUCT, 61),
    ("generation.self_instruct.instruction.top_p", 0.9, SELF_INSTRUCT, 61),
    ("generation.self_instruct.response.max_new_tokens", 4, SELF_INSTRUCT, 30),
    ("generation.self_instruct.response.temperature", 0.9, SELF_INSTRUCT, 30),
    ("generation.self_instruct.response.top_p", 0.9, SELF_INSTRUCT, 30),
    ("generation.instruction_generation.instruction.max_new_tokens", 4, GENERATED, 20),
    ("generation.instruction_generation.instruction.temperature", 0.9, GENERATED, 29),
    ("generation.instruction_generation.instruction.top_p", 0.9, GENERATED, 29),
    ("generation.extract_then_generate.instruction.max_new_tokens", 4, EXTRACTED, 33),
    ("generation.extract_then_generate.instruction.temperature", 0.9, EXTRACTED, 41),
    ("generation.extract_then_generate.instruction.top_p", 0.9, EXTRACTED, 41),
    ("enhancement.fragments.levels", ["keywords", "sentence"], FRAGMENTS, 24),
    ("enhancement.fragments.extraction.max_new_tokens", 4, FRAGMENTS, 29),
    ("enhancement.heuristics.instruction_words", [1, 99], arms(STAGES[0], STAGES[0]), 0),
    ("enhancement.heuristics.response_words", [1, 99], arms(STAGES[0], STAGES[0]), 0),
    ("enhancement.perplexity.keep", 0.25, arm("filtered_extract_then_generate") | BOARD, 5),
    ("curation.diversity.embedder", "other_embedder", EMBEDDINGS | DIVERSE | QUALITY, 40),
    # No cosine of the tiny embedder is between 0.5 and 0.985, so every processor decides alike.
    ("curation.diversity.similarity", 0.9, DIVERSE, 15),
    ("curation.rows", 3, arms("training_sets") | BOARD, 20),
    # The training set is then equal to that of the arm self_instruct, whose training is stored.
    ("arms.self_training.methods", ["self_instruct"], arm("self_training") | BOARD, 0),
    ("arms.self_training.filters", [], {"enhanced_instructions/self_training"}, 0),
    (
        "arms.self_instruct.methods",
        ["self_training"],
        {"instruction_embeddings/self_training"} | arm("self_instruct") | BOARD,
        14,  # two instructions of the training set are embedded already
    ),
    ("arms.self_instruct.filters", ["diversity"], {"enhanced_instructions/self_instruct"}, 0),
    (
        "arms.instruction_generation.methods",
        ["self_training"],
        {"instruction_embeddings/self_training"} | arm("instruction_generation") | BOARD,
        14,
    ),
    (
        "arms.instruction_generation.filters",
        ["heuristics"],
        arm("instruction_generation", STAGES[1], STAGES[2]),
        0,
    ),
    (
        "arms.filtered_extract_then_generate.methods",
        ["instruction_generation"],
        {"perplexities/instruction_generation"} | arm("filtered_extract_then_generate") | BOARD,
        16,
    ),
    # Without the filter, one of the rows that it dropped is sampled.
    # More pairs pass, but they are not sampled for training.
    (
        "arms.filtered_extract_then_generate.filters",
        ["heuristics", "diversity"],
        arm("filtered_extract_then_generate", last="training_sets"),
        0,
    ),
    ("training.base", "other_generator", STUDENTS | BASE | QUALITY, 24),
    *(
        (f"training.{key}", value, STUDENTS, 20)
        for key, value in (
            ("epochs", 2),
            ("learning_rate", 0.001),
            ("rank", 4),
            ("alpha", 8),
            ("batch_size", 1),
            ("max_tokens", 129),
            ("last_layers", 1),
        )
    ),
    ("evaluation.longform.answer.max_new_tokens", 4, ANSWERS, 20),
]


@pytest.fixture(scope="module")
def built(
    tiny_model: Path, tiny_embedder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], Path]:
    """(a built recipe, its folder)."""
    folder = tmp_path_factory.mktemp("built")
    recipe = starter_shaped(tiny_model, tiny_embedder, folder)
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False))
    _, failures = build(folder / "recipe.yaml", folder / "data")
    assert failures == []
    return recipe, folder


def test_every_key_of_the_starter_is_edited_once(built: tuple[dict[str, Any], Path]) -> None:
    recipe, _ = built
    assert sorted([*FIXED, *(key for key, *_ in EDITS)]) == sorted(starter_keys())
    assert set(starter_keys()) <= set(leaves(recipe))


@pytest.mark.parametrize(("key", "value", "stale", "calls"), EDITS, ids=[key for key, *_ in EDITS])
def test_an_edit_makes_stale_what_depends_on_it_and_nothing_else(
    built: tuple[dict[str, Any], Path], key: str, value: Any, stale: set[str], calls: int
) -> None:
    recipe, folder = copy.deepcopy(built[0]), built[1]
    put(recipe, key, value)
    edited = folder / "edited.yaml"
    edited.write_text(yaml.safe_dump(recipe, sort_keys=False))
    plan = planned(edited, folder / "data")
    assert {asset for asset, one in plan.items() if one.state != "fresh"} == stale
    assert sum(one.calls or 0 for asset, one in plan.items() if asset not in QUALITY) == calls
    # Two losses and two embeddings for each of the two pairs of a training set.
    assert all((plan[asset].calls or 0) <= 8 for asset in QUALITY)
    assert stale
