"""Many models come with a generation_config.json, such as a repetition penalty of 1.05. transformers applies it even
where a caller says how to decode. These tests check that only the recipe decides, and that an answer still ends at
each of the tokens that end a turn."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from resources.models.calls import Prompt, Sampling
from resources.models.generation import overriding_keys
from resources.models.language_model import LanguageModel

ASKED = [Prompt.ask(f"what is the {word}", seed=seed) for seed, word in enumerate(("river", "stone", "old house"))]
HOSTILE: dict[str, Any] = {
    "repetition_penalty": 1.9,
    "no_repeat_ngram_size": 1,
    "suppress_tokens": list(range(8, 20)),
    "begin_suppress_tokens": [9, 10],
    "forced_bos_token_id": 12,
    "forced_eos_token_id": 2,
    "min_length": 40,
    "min_new_tokens": 30,
    "bad_words_ids": [[14], [15]],
    "sequence_bias": [[[13], 9.0]],
    "num_beams": 3,
    "num_return_sequences": 2,
    "length_penalty": 3.0,
    "do_sample": True,
    "temperature": 5.0,
    "top_k": 2,
    "top_p": 0.1,
    "max_new_tokens": 3,
    "max_length": 9,
    "stop_strings": ["river"],
    "guidance_scale": 4.0,
    "exponential_decay_length_penalty": [2, 3.0],
    "return_dict_in_generate": True,
    "output_scores": True,
    "prompt_lookup_num_tokens": 3,
    "cache_implementation": "static",
    "use_cache": False,
}
"""Each changes what transformers generates, or how it returns it."""


def with_config(tiny_model: Path, folder: Path, **settings: Any) -> Path:
    shutil.copytree(tiny_model, folder)
    file = folder / "generation_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | settings))
    return folder


@pytest.mark.parametrize("sampling", [Sampling(12), Sampling(12, temperature=1.0, top_p=0.9)])
def test_settings_of_a_models_folder_change_no_answer(tiny_model: Path, tmp_path: Path, sampling: Sampling) -> None:
    expected = LanguageModel(tiny_model).complete(ASKED, sampling)
    hostile = LanguageModel(with_config(tiny_model, tmp_path / "all", **HOSTILE))
    assert hostile.complete(ASKED, sampling) == expected
    assert any(tokens > 9 for _, tokens, _ in expected)


def test_settings_of_a_models_folder_change_no_answer_of_an_adapter(tiny_model: Path, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    adapter = tmp_path / "adapter"
    torch.manual_seed(0)
    plain = LanguageModel(tiny_model)
    config = LoraConfig(task_type="CAUSAL_LM", r=2, target_modules=["q_proj"], init_lora_weights=False)
    get_peft_model(plain.model, config).save_pretrained(str(adapter))
    hostile = LanguageModel(with_config(tiny_model, tmp_path / "all", **HOSTILE))
    answers = []
    for model in (LanguageModel(tiny_model), hostile):
        with model.with_adapter(adapter):
            answers.append(model.complete(ASKED, Sampling(12)))
    assert answers[0] == answers[1]


def test_an_answer_ends_at_each_token_that_ends_a_turn(tiny_model: Path, tmp_path: Path) -> None:
    river = LanguageModel(tiny_model).texts.tokens("river")[0]
    several = LanguageModel(with_config(tiny_model, tmp_path / "several", eos_token_id=[2, river]))
    asked, sampled = [Prompt.ask("what is the river", seed=seed) for seed in range(12)], Sampling(24, temperature=1.0)
    free = LanguageModel(tiny_model).complete(asked, sampled)
    ended = several.complete(asked, sampled)
    assert [text for text, _, _ in ended] == [text.split("river")[0].rstrip(" ") for text, _, _ in free]
    assert all(complete for (text, _, _), (_, _, complete) in zip(free, ended, strict=True) if "river" in text)
    assert any("river" in text for text, _, _ in free)


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, value in HOSTILE.items()])
def test_settings_that_changed_greedy_answers_are_found(tmp_path: Path, key: str, value: object) -> None:
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": 2, key: value}))
    never = {"do_sample", "temperature", "top_k", "top_p", "max_new_tokens", "max_length", "output_scores"}
    never |= {"use_cache", "cache_implementation"}
    assert overriding_keys(tmp_path) == ([] if key in never else [key])


@pytest.mark.parametrize("text", [None, "{", "[]", '{"repetition_penalty": 1.0, "num_beams": 1, "min_length": 0}'])
def test_a_folder_without_such_settings_has_none(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "generation_config.json").write_text(text)
    assert overriding_keys(tmp_path) == []
