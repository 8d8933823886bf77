"""Held-out examples show whether a training goes on to learn or only learns by heart. Their loss must be the one that
the finished weights have, and nothing may be learned from them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from resources.models.calls import Prompt, Training
from resources.models.language_model import LanguageModel
from resources.models.trainer import train_adapter

EXAMPLES = [(Prompt.ask(f"what is the {word}"), f"the {word} is old .") for word in ("river", "stone", "garden")]
HELD_OUT = [
    (Prompt.ask("how does a house grow"), "a house ."),
    (Prompt.ask("what is near"), "the old river and stone ."),
]
TRAINING = Training(
    epochs=3, learning_rate=0.02, rank=4, alpha=8, batch_size=2, max_tokens=64, last_layers=None,
    target_modules=("q_proj", "v_proj"), checkpoint_every=4, seed=5,
)  # fmt: skip


@pytest.mark.parametrize("epochs", [1, 3])
def test_the_loss_of_held_out_examples_is_that_of_the_weights_after_the_epoch(
    epochs: int, tiny_model: Path, tmp_path: Path
) -> None:
    training = replace(TRAINING, epochs=epochs)
    made = train_adapter(tiny_model, EXAMPLES, training, tmp_path / "adapter", held_out=HELD_OUT)
    assert (len(made.losses), len(made.validation)) == (2 * epochs, epochs)
    with LanguageModel(tiny_model).with_adapter(tmp_path / "adapter") as model:
        # The chat template ends a turn with a line break, which an answer of a training example has too.
        measured = [loss for loss, _ in model.losses([(prompt, text + "\n") for prompt, text in HELD_OUT])]
    assert made.validation[-1] == pytest.approx(sum(measured) / 2, rel=1e-5)


def test_nothing_is_learned_from_held_out_examples(tiny_model: Path, tmp_path: Path) -> None:
    """In one epoch no random number is drawn between the two; later the order of the rows is another one."""
    training = replace(TRAINING, epochs=1)
    with_them = train_adapter(tiny_model, EXAMPLES, training, tmp_path / "with", held_out=HELD_OUT)
    without = train_adapter(tiny_model, EXAMPLES, training, tmp_path / "without")
    both = train_adapter(tiny_model, EXAMPLES + HELD_OUT, training, tmp_path / "both")
    assert (with_them.weights, with_them.losses, with_them.tokens) == (without.weights, without.losses, without.tokens)
    assert both.weights != without.weights
