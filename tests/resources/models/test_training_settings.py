"""A batch that is too large for the memory is read in parts, and must then train the same weights: the loss is a mean
over all tokens of the batch, not over the means of its parts. The other settings must do what their names say, as
transformers and peft do it, and at their defaults they must not give a training another key."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file

from resources.models.calls import Prompt, Training
from resources.models.chat_template import with_template
from resources.models.loading import load_tokenizer
from resources.models.prompt_tokens import PromptTokens
from resources.models.trainer import _rows, _trainer, train_adapter

LENGTHS = {"river": 1, "stone": 9, "garden": 3, "house": 14, "old": 6}
EXAMPLES = [
    (Prompt.ask(f"what is the {word}"), " ".join([f"the {word}"] * times) + " .") for word, times in LENGTHS.items()
]
WHOLE = Training(
    epochs=2, learning_rate=0.02, rank=4, alpha=8, batch_size=4, max_tokens=64, last_layers=None,
    target_modules=("q_proj", "v_proj"), checkpoint_every=100, seed=5,
)  # fmt: skip


def trained(model: Path, folder: Path, training: Training) -> tuple[dict[str, Any], list[float]]:
    """The tensors of an adapter, and the losses of its training."""
    losses = train_adapter(model, EXAMPLES, training, folder).losses
    return load_file(folder / "adapter_model.safetensors"), losses


@pytest.mark.parametrize("micro_batch", [1, 2])
def test_a_batch_in_parts_trains_the_weights_of_the_whole_batch(
    tiny_model: Path, tmp_path: Path, micro_batch: int
) -> None:
    """There are five examples: the second batch of an epoch has only one of them."""
    whole, losses = trained(tiny_model, tmp_path / "whole", WHOLE)
    parts, losses_of_parts = trained(tiny_model, tmp_path / "parts", replace(WHOLE, micro_batch=micro_batch))
    assert len(losses) == 4
    assert losses_of_parts == pytest.approx(losses, abs=2e-6)
    assert parts.keys() == whole.keys()
    assert max(abs(parts[name] - whole[name]).max() for name in whole) < 1e-5
    # An adapter that was trained for another number of steps, or by other gradients, differs by far more.
    assert max(abs(tensor).max() for name, tensor in whole.items() if "lora_B" in name) > 0.04


def rates(model: Path, folder: Path, training: Training) -> list[float]:
    """The learning rate of each of five steps."""
    tokenizer = with_template(load_tokenizer(model))
    rows = [row for row in _rows(PromptTokens(tokenizer), EXAMPLES, 64) if row]
    trainer = _trainer(model, tokenizer, rows, replace(training, batch_size=1, epochs=1), folder)
    trainer.train()
    return [entry["learning_rate"] for entry in trainer.state.log_history if "learning_rate" in entry]


def test_the_learning_rate_follows_warm_up_and_scheduler(tiny_model: Path, tmp_path: Path) -> None:
    most = WHOLE.learning_rate
    cosine = [most * (1 + math.cos(math.pi * step / 5)) / 2 for step in range(5)]
    expected = {
        WHOLE: [most * share for share in (1, 0.8, 0.6, 0.4, 0.2)],
        replace(WHOLE, scheduler="cosine"): cosine,
        replace(WHOLE, scheduler="constant"): [most] * 5,
        replace(WHOLE, warmup=0.4): [most * share for share in (0, 1 / 2, 1, 2 / 3, 1 / 3)],
        replace(WHOLE, warmup=0.4, scheduler="constant"): [0, most / 2, most, most, most],
    }
    for number, (training, wanted) in enumerate(expected.items()):
        assert rates(tiny_model, tmp_path / str(number), training) == pytest.approx(wanted)


def test_weight_decay_makes_the_weights_smaller(tiny_model: Path, tmp_path: Path) -> None:
    free, _ = trained(tiny_model, tmp_path / "free", WHOLE)
    decayed, _ = trained(tiny_model, tmp_path / "decayed", replace(WHOLE, weight_decay=5.0))
    names = [name for name in free if "lora_A" in name]
    assert sum(abs(decayed[name]).sum() for name in names) < 0.9 * sum(abs(free[name]).sum() for name in names)


def test_dropout_is_that_of_the_adapter(tiny_model: Path, tmp_path: Path) -> None:
    without, _ = trained(tiny_model, tmp_path / "without", WHOLE)
    dropped, _ = trained(tiny_model, tmp_path / "dropped", replace(WHOLE, dropout=0.5))
    assert json.loads((tmp_path / "dropped" / "adapter_config.json").read_text())["lora_dropout"] == 0.5
    assert any((without[name] != dropped[name]).any() for name in without)


def test_bfloat16_computes_other_gradients_and_trains_weights_in_float32(tiny_model: Path, tmp_path: Path) -> None:
    """The losses agree to about two decimal places, which is what the 8 bits of a bfloat16 number allow."""
    exact, losses = trained(tiny_model, tmp_path / "float32", WHOLE)
    mixed, losses_of_mixed = trained(tiny_model, tmp_path / "bfloat16", replace(WHOLE, precision="bfloat16"))
    assert losses_of_mixed != losses
    assert losses_of_mixed == pytest.approx(losses, abs=0.02)
    assert {tensor.dtype.name for tensor in mixed.values()} == {"float32"}
    assert 0 < max(abs(exact[name] - mixed[name]).max() for name in exact) < 0.01


def test_settings_are_in_a_request_only_where_they_are_not_at_their_defaults() -> None:
    before = {
        "epochs": 2, "learning_rate": 0.02, "rank": 4, "alpha": 8, "batch_size": 4, "max_tokens": 64,
        "last_layers": None, "target_modules": ("q_proj", "v_proj"), "seed": 5,
    }  # fmt: skip
    assert WHOLE.request() == before
    changes: dict[str, Any] = {
        "micro_batch": 2, "warmup": 0.1, "scheduler": "cosine", "weight_decay": 0.1, "dropout": 0.1,
        "precision": "bfloat16",
    }  # fmt: skip
    for name, value in changes.items():
        assert replace(WHOLE, **{name: value}).request() == before | {name: value}
    assert replace(WHOLE, seed=0).request() == before | {"seed": 0}
