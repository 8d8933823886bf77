"""Slingshot has to work with real models: SmolLM2 and MiniLM from the package registry, on very few rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from assets.loading.bench import workbench
from resources.models.calls import Adapter, Prompt, Sampling
from resources.tools.tools import Tools
from resources.tools.workbench import Workbench
from tests.support.building import build, query, store
from tests.support.tiny import ROOT

# Every test run and the build of the starter share what was downloaded and converted once.
OLDER = ROOT / "warehouse" / "data" / "cache"
CACHE = OLDER if OLDER.is_dir() else Path.home() / ".cache" / "slingshot"


def micro_recipe() -> dict[str, Any]:
    """The starter recipe with two of its arms and small counts."""
    recipe: dict[str, Any] = yaml.safe_load((ROOT / "recipe.yaml").read_text())
    for selection, count in zip(recipe["seed_tasks"] + recipe["benchmark_items"], (4, 4, 1, 1), strict=True):
        selection["count"] = count
    recipe["documents"][0]["count"] = 12
    generation = recipe["generation"]
    del generation["self_instruct"], generation["instruction_generation"]
    generation["self_training"] = {"count": 6, "response": {"max_new_tokens": 32}}
    generation["extract_then_generate"]["instruction"]["max_new_tokens"] = 24
    recipe["arms"] = {name: recipe["arms"][name] for name in ("self_training", "filtered_extract_then_generate")}
    recipe["enhancement"]["heuristics"]["instruction_words"] = [1, 100]
    recipe["curation"]["rows"] = 2
    recipe["evaluation"]["longform"]["answer"]["max_new_tokens"] = 16
    return recipe


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("real")
    recipe = folder / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(micro_recipe(), sort_keys=False))
    _, failures = build(recipe, folder / "data", cache=CACHE)
    assert failures == []
    return recipe, folder / "data"


@pytest.fixture(scope="module")
def bench(built: tuple[Path, Path]) -> Workbench:
    from assets.loading.file import load_recipe

    recipe, data = built
    return workbench(load_recipe(recipe), data, recipe.parent, CACHE)


def test_the_model_answers_an_easy_question(bench: Workbench) -> None:
    (answer,) = (
        Tools(bench)
        .model("generator")
        .complete([Prompt.ask("What is the capital of France?")], Sampling(max_new_tokens=16))
    )
    assert "Paris" in answer.text


def test_a_fitting_response_has_a_lower_loss_than_an_unrelated_one(bench: Workbench) -> None:
    asked = Prompt.ask("How do I boil an egg?")
    fitting, other = (
        Tools(bench)
        .model("generator")
        .losses(
            [
                (asked, "Put the egg in boiling water and wait for eight minutes."),
                (asked, "The treaty was signed in Vienna by both of the emperors."),
            ]
        )
    )
    assert fitting.mean < other.mean


def test_similar_instructions_have_similar_embeddings(bench: Workbench) -> None:
    texts = ["How do I bake bread?", "What is the way to bake a bread?", "Who was Ada Lovelace?"]
    bread, baking, ada = (vector.values for vector in Tools(bench).embed("embedder", texts))
    assert len(bread) == 384

    def cosine(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
        return float(one @ other)

    assert cosine(bread, bread) == pytest.approx(1, abs=1e-5)
    assert cosine(bread, baking) > 0.8
    assert cosine(bread, ada) < 0.3


def test_training_sets_and_benchmarks_consist_of_human_text(built: tuple[Path, Path]) -> None:
    _, data = built
    responses = query(data, "SELECT response FROM training_sets__filtered_extract_then_generate")["response"]
    documents = query(data, "SELECT text FROM documents")["text"]
    assert len(responses) == 2
    assert set(responses) <= set(documents)
    shared = query(
        data, "SELECT s.id FROM seed_tasks s JOIN benchmark_items b ON s.response = b.reference OR s.id = b.id"
    )
    assert shared.is_empty()


def test_an_adapter_of_an_arm_loads_with_plain_transformers_and_peft_and_answers(
    built: tuple[Path, Path], bench: Workbench
) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    _, data = built
    (training,) = query(data, "SELECT training FROM students__self_training")["training"]
    base = bench.base_folder("generator")
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), data / "checkpoints" / training)
    asked = tokenizer.apply_chat_template(
        [{"role": "user", "content": "What is bread made of?"}],
        add_generation_prompt=True,
        return_tensors="pt",
        return_dict=True,
    )
    written = model.generate(**asked, max_new_tokens=12, do_sample=False)[0, asked["input_ids"].shape[1] :]
    assert len(tokenizer.decode(written, skip_special_tokens=True).split()) > 3


@pytest.mark.parametrize("adapted", [False, True])
def test_openvino_writes_the_greedy_answers_of_transformers(
    built: tuple[Path, Path], bench: Workbench, adapted: bool
) -> None:
    _, data = built
    training, weights = query(data, "SELECT training, weights FROM students__self_training").row(0)
    adapter = Adapter(training, weights) if adapted else None
    texts = query(data, "SELECT text FROM documents ORDER BY text")["text"]
    asked = [
        Prompt.ask(f"Write one question that this text answers.\n\n{' '.join(text.split()[: 10 + 8 * number])}")
        for number, text in enumerate(texts)
    ]
    greedy = Sampling(24)
    with bench.language_model("generator").with_adapter(adapter and bench.adapter_folder(adapter)) as model:
        expected = model.complete(asked, greedy)
    assert len(expected) == 12
    assert bench.openvino_writer("generator", adapter, "float32").complete(asked, greedy) == expected


def test_a_second_build_computes_no_model_call(built: tuple[Path, Path]) -> None:
    recipe, data = built
    before = query(data, "SELECT count(*) AS calls FROM memo.calls")
    log, failures = build(recipe, data, cache=CACHE)
    assert failures == []
    assert log.actions == {}
    log, failures = build(recipe, data, cache=CACHE, everything=True)
    assert failures == []
    assert set(log.actions.values()) == {"unchanged"}
    assert query(data, "SELECT count(*) AS calls FROM memo.calls").equals(before)


def test_the_leaderboard_compares_every_arm_with_the_untouched_base(built: tuple[Path, Path]) -> None:
    _, data = built
    published = store(data).current("leaderboard")
    assert published is not None
    rows = store(data).read(published)
    assert sorted(rows.select("metric", "arm").rows()) == sorted(
        (metric, arm)
        for metric in ("meteor_exact_stem", "rouge_l")
        for arm in ("base", "self_training", "filtered_extract_then_generate")
    )
    assert set(rows["items"]) == {2}
    assert all(0 <= mean <= 100 for mean in rows["mean"])
