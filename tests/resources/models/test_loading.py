"""A model's folder comes from a stranger. These tests check that loading one never runs its code, never unpickles
anything, never asks at the terminal, and that each damage gives one clear error."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from resources.models.embedder import Embedder
from resources.models.language_model import LanguageModel
from resources.models.loading import load_adapter, load_language_model, safetensors_header
from resources.models.tokens import token_counts
from tests.support.tiny import ROOT
from warehouse.core.errors import UserError


@pytest.fixture
def folder(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model, to be damaged."""
    shutil.copytree(tiny_model, tmp_path / "model")
    return tmp_path / "model"


class Payload:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {os.environ['RAN']}",)


DEEP = (10**6).to_bytes(8, "little") + b"[" * 10**6


def refusal(folder: Path) -> str:
    with pytest.raises(UserError) as refused:
        LanguageModel(folder)
    message = str(refused.value)
    assert "\n" not in message
    return message


CODE = """
import os, pathlib
pathlib.Path(os.environ["RAN"]).touch()
from transformers import LlamaConfig, LlamaForCausalLM
class Config(LlamaConfig):
    model_type = "strange"
class Model(LlamaForCausalLM):
    config_class = Config
"""
LOAD = """
import sys
from pathlib import Path
from resources.models.language_model import LanguageModel
from warehouse.core.errors import UserError
try:
    LanguageModel(Path(sys.argv[1]))
except UserError as error:
    print(error)
"""


def test_code_of_a_model_is_never_run_and_never_asked_about(folder: Path, tmp_path: Path) -> None:
    """With "y" at its terminal, transformers would run the code of a model that names one."""
    config = json.loads((folder / "config.json").read_text())
    names = {"AutoConfig": "strange.Config", "AutoModelForCausalLM": "strange.Model"}
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "strange", "auto_map": names}))
    (folder / "strange.py").write_text(CODE)
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(folder)],
        env=os.environ | {"PYTHONPATH": str(ROOT), "RAN": str(tmp_path / "ran")},
        input="y\n" * 9,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == (
        f"the model in {folder} cannot be used: it needs its own Python code (auto_map), which Slingshot never runs; "
        "right would be a folder that transformers saved, with weights as safetensors, and of an architecture that it "
        "has\n"
    )
    assert not (tmp_path / "ran").exists()


def test_a_model_that_transformers_has_may_name_code_which_is_not_run(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAN", str(tmp_path / "ran"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"auto_map": {"AutoModelForCausalLM": "strange.Model"}}))
    (folder / "strange.py").write_text(CODE)
    LanguageModel(folder)
    assert not (tmp_path / "ran").exists()


def test_pickled_weights_are_refused_and_not_read(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAN", str(tmp_path / "ran"))
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Payload()))
    assert "its weights are pickled (pytorch_model.bin), and reading a pickle can run code" in refusal(folder)
    assert not (tmp_path / "ran").exists()


def test_pickled_weights_beside_safetensors_are_not_read(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAN", str(tmp_path / "ran"))
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Payload()))
    LanguageModel(folder)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("length", [2**63, 100 * 2**20 + 1, 10**6])
def test_a_header_that_cannot_be_is_refused_before_anything_is_read(folder: Path, length: int) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(length.to_bytes(8, "little") + file.read_bytes()[8:])
    assert refusal(folder) == (
        f"model.safetensors is damaged: its header would have {length:,} bytes; right would be at most 104,857,600 and "
        f"within its {file.stat().st_size:,} bytes"
    )


@pytest.mark.parametrize(
    "content", [b"", b"\x01", (4).to_bytes(8, "little") + b"{{{{", (2).to_bytes(8, "little") + b"[]", DEEP]
)
def test_a_file_that_is_no_safetensors_is_refused(folder: Path, content: bytes) -> None:
    (folder / "model.safetensors").write_bytes(content)
    assert refusal(folder).startswith("model.safetensors is damaged: its header")


def test_weights_that_were_cut_off_are_refused(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1000])
    assert f"the model in {folder} cannot be used: its weights cannot be read (SafetensorError" in refusal(folder)


def test_weights_that_lack_a_tensor_are_refused(folder: Path) -> None:
    """transformers would fill it with random numbers."""
    tensors = load_file(folder / "model.safetensors")
    lost = "model.layers.0.mlp.up_proj.weight"
    save_file(
        {name: one for name, one in tensors.items() if name != lost}, folder / "model.safetensors", {"format": "pt"}
    )
    assert f"its weights lack 1 tensors, such as {lost}" in refusal(folder)


def test_a_model_without_a_tokenizer_is_refused(folder: Path) -> None:
    for file in folder.glob("*token*"):
        file.unlink()
    assert refusal(folder) == (
        f"the model in {folder} has no tokenizer; right would be a folder with its tokenizer.json"
    )
    with pytest.raises(UserError, match="has no tokenizer"):
        token_counts(folder, ["river"])


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_a_damaged_file_of_a_model_is_one_clear_error(folder: Path, name: str) -> None:
    (folder / name).write_text("{")
    assert f"the model in {folder} cannot be used: its" in refusal(folder)


def test_a_pickled_adapter_is_refused(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAN", str(tmp_path / "ran"))
    (adapter := tmp_path / "adapter").mkdir()
    (adapter / "adapter_config.json").write_text('{"peft_type": "LORA", "target_modules": ["q_proj"], "r": 2}')
    (adapter / "adapter_model.bin").write_bytes(pickle.dumps(Payload()))
    with pytest.raises(UserError, match=r"its weights are pickled \(adapter_model.bin\)"):
        load_adapter(load_language_model(folder), adapter)
    assert not (tmp_path / "ran").exists()


def test_a_pickled_embedder_is_refused(tiny_embedder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAN", str(tmp_path / "ran"))
    shutil.copytree(tiny_embedder, tmp_path / "embedder")
    (file,) = (tmp_path / "embedder").rglob("*.safetensors")
    file.with_name("pytorch_model.bin").write_bytes(pickle.dumps(Payload()))
    file.unlink()
    with pytest.raises(UserError, match="its weights are pickled"):
        Embedder(tmp_path / "embedder")
    assert not (tmp_path / "ran").exists()


def test_a_pickled_module_of_an_embedder_is_refused(tiny_embedder: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_embedder, tmp_path / "embedder")
    (dense := tmp_path / "embedder" / "2_Dense").mkdir()
    (dense / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(UserError, match=r"its weights are pickled \(2_Dense/pytorch_model.bin\)"):
        Embedder(tmp_path / "embedder")


def test_a_header_names_the_tensors(tmp_path: Path) -> None:
    save_file({"a.weight": torch.zeros(2, 3)}, tmp_path / "one.safetensors")
    assert safetensors_header(tmp_path / "one.safetensors")["a.weight"]["shape"] == [2, 3]
