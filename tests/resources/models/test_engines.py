"""Every engine must read the same tokens and end a text at the same place, or a row would depend on the machine that
made it. So one set of tests runs over all engines, and greedy answers are compared word by word, for each architecture
that is exported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from resources.fetching.tree_digest import tree_digest
from resources.models import device
from resources.models.calls import Adapter, Prompt, Sampling
from resources.models.engines import EXPORTABLE, Engine, Wanted, engine_of, is_exportable
from resources.models.language_model import LanguageModel
from resources.models.model_texts import ModelTexts, Written
from resources.models.openvino_export import exported
from resources.models.openvino_writer import OpenVinoWriter
from resources.tools.workbench import Workbench
from tests.support.tiny import WORDS
from warehouse.lineage.material import Material

Complete = Callable[..., list[Written]]
ENGINES = ("transformers", "openvino")


@pytest.fixture(scope="module")
def graph(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(tiny_model, tmp_path_factory.mktemp("exported") / "tiny")


@pytest.fixture(params=ENGINES)
def complete(request: pytest.FixtureRequest, tiny_model: Path, graph: Path) -> Complete:
    if request.param == "openvino":
        return OpenVinoWriter(graph, ModelTexts(tiny_model)).complete
    return LanguageModel(tiny_model).complete


def prompts(count: int) -> list[Prompt]:
    """Prompts of many lengths."""
    return [Prompt.ask(" ".join(WORDS[: 1 + number % 11] * (1 + number // 8)), seed=number) for number in range(count)]


SAMPLED = Sampling(16, temperature=1.0, top_p=0.9)


def test_greedy_answers_of_all_engines_are_equal(tiny_model: Path, graph: Path) -> None:
    asked, greedy = prompts(40), Sampling(24)
    expected = LanguageModel(tiny_model).complete(asked, greedy)
    assert OpenVinoWriter(graph, ModelTexts(tiny_model)).complete(asked, greedy) == expected


def test_a_sampled_row_is_the_same_alone_in_a_batch_and_in_another_order(complete: Complete) -> None:
    asked = prompts(8)
    together = complete(asked, SAMPLED)
    assert complete(asked[::-1], SAMPLED)[::-1] == together
    assert [complete([one], SAMPLED)[0] for one in asked] == together
    assert complete(asked, SAMPLED) == together


def test_rows_with_one_prompt_and_different_seeds_differ(complete: Complete) -> None:
    texts = {text for text, _, _ in complete([Prompt.ask("what", seed=number) for number in range(8)], SAMPLED)}
    assert len(texts) == 8


def test_a_nucleus_that_holds_one_token_is_greedy(complete: Complete) -> None:
    asked = prompts(8)
    assert complete(asked, Sampling(8, temperature=0.5, top_p=1e-6)) == complete(asked, Sampling(8))


def test_a_text_ends_before_a_stop_string(complete: Complete) -> None:
    asked = [Prompt.ask("what is the river", seed=number) for number in range(20)]
    free = complete(asked, Sampling(24, temperature=1.0))
    stopped = complete(asked, Sampling(24, temperature=1.0, stop=("river", "old")))
    for (text, _, is_complete), (whole, _, _) in zip(stopped, free, strict=True):
        assert text == min(whole.split("river")[0], whole.split("old")[0], key=len)
        assert is_complete or text == whole


def test_a_text_that_reaches_its_budget_is_cut_off_and_others_end_by_themselves(complete: Complete) -> None:
    written = complete([Prompt.ask("what", seed=number) for number in range(40)], Sampling(4, temperature=1.0))
    assert {is_complete for _, _, is_complete in written} == {True, False}
    assert all(tokens == 4 for _, tokens, is_complete in written if not is_complete)


def test_control_tokens_in_a_text_are_read_as_text(complete: Complete) -> None:
    greedy = Sampling(8)
    template = Prompt(text="what </s> is", is_template=True)
    assert complete([Prompt(text="what </s> is")], greedy) != complete([template], greedy)


def test_progress_counts_rows_within_a_chunk(tiny_model: Path, graph: Path) -> None:
    seen: list[int] = []
    OpenVinoWriter(graph, ModelTexts(tiny_model)).complete(
        prompts(12), Sampling(16, 1.0), lambda done, tokens: seen.append(done)
    )
    assert seen == sorted(seen)
    assert seen[-1] == 12
    assert len(set(seen)) > 2


def adapter_of(model: Path, folder: Path, seed: int, **more: Any) -> Path:
    """An adapter with random weights."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    settings = {"r": 4, "lora_alpha": 16, "target_modules": ["q_proj", "v_proj"], "init_lora_weights": False}
    base = AutoModelForCausalLM.from_pretrained(model)
    get_peft_model(base, LoraConfig(task_type="CAUSAL_LM", **settings | more)).save_pretrained(str(folder))
    return folder


def test_adapters_follow_one_another_on_a_model_that_is_loaded_once(
    tiny_model: Path, graph: Path, tmp_path: Path
) -> None:
    adapters = [
        adapter_of(tiny_model, tmp_path / "first", 1),
        adapter_of(tiny_model, tmp_path / "second", 2, r=2, lora_alpha=32),
    ]
    asked, greedy, reference = prompts(12), Sampling(12), LanguageModel(tiny_model)
    expected = []
    for adapter in adapters:
        with reference.with_adapter(adapter) as model:
            expected.append(model.complete(asked, greedy))
    base = reference.complete(asked, greedy)
    assert base != expected[0] != expected[1] != base
    writer = OpenVinoWriter(graph, ModelTexts(tiny_model), adapter=adapters[0])
    for place in (0, 1, 0):
        writer.use(adapters[place])
        assert writer.complete(asked, greedy) == expected[place]


def test_an_adapter_on_other_layers_gets_a_pipeline_of_its_own(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = {"same": {}, "other": {"target_modules": ["q_proj", "o_proj"]}, "last": {"layers_to_transform": [1]}}
    folders = {
        name: adapter_of(tiny_model, tmp_path / name, seed, **settings)  # type: ignore[arg-type]
        for seed, (name, settings) in enumerate({"one": {}, **more}.items())
    }
    model = Material("model", "writer", "Apache-2.0", address=f"path:{tiny_model}", sha256=tree_digest(tiny_model))
    bench = Workbench(tmp_path / "data", tmp_path, {"writer": model}, {})
    monkeypatch.setattr(bench, "adapter_folder", lambda adapter, files=(): folders[adapter.training])
    asked, greedy, reference = prompts(12), Sampling(12), LanguageModel(tiny_model)
    pipelines = []
    for name, folder in folders.items():
        writer = bench.openvino_writer("writer", Adapter(name, ""), "float32")
        pipelines.append(writer.pipeline)
        with reference.with_adapter(folder) as adapted:
            assert writer.complete(asked, greedy) == adapted.complete(asked, greedy)
    assert pipelines[0] is pipelines[1]
    assert len({id(pipeline) for pipeline in pipelines}) == 3


@pytest.mark.parametrize("architecture", sorted(EXPORTABLE))
def test_every_architecture_that_is_exported_answers_as_in_transformers(
    architecture: str, tiny_model: Path, tmp_path: Path
) -> None:
    folder = tiny_of(architecture, tiny_model, tmp_path / "model")
    asked, greedy = prompts(12), Sampling(12)
    expected = LanguageModel(folder).complete(asked, greedy)
    graph = exported(folder, tmp_path / "exported")
    assert OpenVinoWriter(graph, ModelTexts(folder)).complete(asked, greedy) == expected


def tiny_of(architecture: str, tokenizer: Path, folder: Path, **more: Any) -> Path:
    """A randomly initialised model of an architecture, with the tokenizer of the tiny model."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    torch.manual_seed(0)
    words = AutoTokenizer.from_pretrained(tokenizer)
    settings: dict[str, Any] = {
        "vocab_size": len(words),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "max_position_embeddings": 256,
        "sliding_window": None,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 2,
    }
    config = AutoConfig.for_model(architecture, **settings | more)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    ("config", "exportable"),
    [
        (None, True),
        ({}, False),
        ({"model_type": "llama"}, True),
        ({"model_type": "mamba"}, False),
        ({"model_type": "mistral", "sliding_window": 4096}, False),
        ({"model_type": "qwen2", "sliding_window": 4096, "use_sliding_window": False}, True),
    ],
)
def test_models_that_do_not_attend_to_everything_are_not_exported(
    config: dict[str, Any] | None, exportable: bool
) -> None:
    assert is_exportable(config) == exportable


def test_the_recipe_chooses_the_engine_and_else_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    llama, mamba = {"model_type": "llama"}, {"model_type": "mamba"}
    monkeypatch.setattr(device, "on_gpu", lambda: False)
    assert engine_of(None, llama) == Engine("openvino", "float32", "cpu")
    assert engine_of(None, mamba) == Engine("transformers", "float32", "cpu")
    assert engine_of(Wanted("transformers"), llama) == Engine("transformers", "float32", "cpu")
    assert engine_of(Wanted(precision="bfloat16"), llama) == Engine("openvino", "bfloat16", "cpu")
    monkeypatch.setattr(device, "on_gpu", lambda: True)
    assert engine_of(None, llama) == Engine("transformers", "bfloat16", "cuda")
    assert engine_of(Wanted("openvino"), llama) == Engine("openvino", "float32", "cpu")


def test_equal_answers_are_one_call_and_others_have_their_own() -> None:
    reference, fast = Engine("transformers", "float32", "cpu"), Engine("openvino", "float32", "cpu")
    assert reference.stamp(sampled=False) == fast.stamp(sampled=False) == {}
    assert reference.stamp(sampled=True) == {}
    assert fast.stamp(sampled=True) == {"draws": "openvino"}
    stamps = [
        Engine(name, precision, device).stamp(sampled=False)  # type: ignore[arg-type]
        for name, precision, device in (
            ("transformers", "bfloat16", "cuda"),
            ("transformers", "bfloat16", "cpu"),
            ("openvino", "bfloat16", "cpu"),
        )
    ]
    assert [stamp["numerics"] for stamp in stamps] == [
        "bfloat16 on cuda",
        "bfloat16 on cpu",
        "bfloat16 on cpu by openvino",
    ]
