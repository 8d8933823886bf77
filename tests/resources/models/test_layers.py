"""A misspelt layer name must be found before the generation is paid for, and from files alone. peft itself ignores a
name that fits no layer as long as another one does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from resources.models.layers import lora_faults


def test_layers_that_a_model_has_are_accepted(tiny_model: Path) -> None:
    every = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "self_attn.q_proj")
    assert lora_faults(tiny_model, every, 2) == {}
    assert lora_faults(tiny_model, every, None) == {}


def test_layers_that_a_model_lacks_are_found(tiny_model: Path) -> None:
    faults = lora_faults(tiny_model, ("q_proj", "qproj", "proj", "norm"), 3)
    assert faults["target_modules"][0] == ["qproj", "proj", "norm"]
    assert faults["target_modules"][1].startswith("the model has no layer of this name; ")
    assert "q_proj" in faults["target_modules"][1]
    assert faults["last_layers"] == (3, "the model has 2 layers; it must be at most 2")


def test_weights_in_several_files_and_a_nested_config_are_read(tmp_path: Path) -> None:
    for number in range(2):
        save_file({f"h.{number}.attn.c_attn.weight": torch.zeros(2, 6)}, tmp_path / f"{number}.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"text_config": {"n_layer": 2}}))
    assert lora_faults(tmp_path, ["c_attn"], 2) == {}
    assert lora_faults(tmp_path, ["c_proj"], 3).keys() == {"target_modules", "last_layers"}


@pytest.mark.parametrize("config", [None, "{", "[]", "{}"])
def test_a_folder_that_says_nothing_has_no_faults(tmp_path: Path, config: str | None) -> None:
    if config:
        (tmp_path / "config.json").write_text(config)
    assert lora_faults(tmp_path, ["q_proj"], 99) == {}
