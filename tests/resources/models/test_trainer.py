"""A fine-tuned adapter must be usable outside this project, and a killed run must not change the result. These tests
train a tiny model and check that plain peft loads the adapter, that its loss falls, and that a resumed run gives
equal weights."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from resources.models.calls import Prompt, Training
from resources.models.chat_template import with_template
from resources.models.loading import load_tokenizer
from resources.models.prompt_tokens import PromptTokens
from resources.models.trainer import Example, _rows, _settings, train_adapter
from tests.support.tiny import ROOT
from warehouse.core.errors import UserError

EXAMPLES = [
    (Prompt.ask(f"what is the {word}"), f"the {word} is old .") for word in ("river", "stone", "garden", "house")
]
TRAINING = Training(
    epochs=3,
    learning_rate=0.02,
    rank=4,
    alpha=8,
    batch_size=2,
    max_tokens=64,
    last_layers=1,
    target_modules=("q_proj", "v_proj"),
    checkpoint_every=1,
    seed=5,
)


def test_an_adapter_loads_with_plain_peft_and_has_learned(tiny_model: Path, tmp_path: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    steps: list[tuple[int, int]] = []
    made = train_adapter(
        tiny_model, EXAMPLES, TRAINING, tmp_path / "adapter", lambda done, total: steps.append((done, total))
    )
    assert steps == [(step, 6) for step in range(1, 7)]
    assert len(made.losses) == 6
    assert made.losses[-1] < made.losses[0]
    assert made.tokens > 0
    assert len(made.weights) == 64
    assert [path.name for path in tmp_path.iterdir()] == ["adapter"]
    base = AutoModelForCausalLM.from_pretrained(tiny_model)
    model = PeftModel.from_pretrained(base, str(tmp_path / "adapter"))
    touched = {name.split(".layers.")[1].split(".")[0] for name, _ in model.named_parameters() if "lora_A" in name}
    assert touched == {"1"}


def test_equal_training_gives_equal_weights(tiny_model: Path, tmp_path: Path) -> None:
    first, second = (train_adapter(tiny_model, EXAMPLES, TRAINING, tmp_path / name) for name in "ab")
    assert first == second


def test_the_settings_of_an_adapter_are_the_same_in_every_process(tiny_model: Path, tmp_path: Path) -> None:
    """peft writes a set of names, whose order differs from one process to the next."""
    names = ("v_proj", "q_proj", "up_proj", "o_proj", "k_proj", "gate_proj", "down_proj")
    train_adapter(tiny_model, EXAMPLES, replace(TRAINING, epochs=1, target_modules=names), tmp_path / "adapter")
    settings = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert settings["target_modules"] == sorted(names)


def test_an_example_without_room_for_a_response_is_an_error(tiny_model: Path, tmp_path: Path) -> None:
    """Otherwise the checkpoint would claim that it was trained on all examples."""
    long = (Prompt.ask("what is the river " * 10), "the river is old .")
    training = replace(TRAINING, max_tokens=32)
    for examples, told in (([*EXAMPLES, long], "1 of 5"), ([long], "1 of 1")):
        with pytest.raises(UserError) as refused:
            train_adapter(tiny_model, examples, training, tmp_path / "adapter")
        assert str(refused.value) == (
            f"{told} examples have a prompt that leaves no room for a response within max_tokens (32); raise "
            "max_tokens, or keep long instructions and inputs out"
        )
        assert not (tmp_path / "adapter").exists()


def test_the_loss_covers_only_the_completion(tiny_model: Path, tmp_path: Path) -> None:
    from resources.models.language_model import LanguageModel

    model = LanguageModel(tiny_model)
    # An adapter changes nothing before its first step, so the first loss is that of the model without it.
    one = [EXAMPLES[0], EXAMPLES[1]]
    # The chat template ends a turn with a line break, and training includes it.
    measured = model.losses([(prompt, text + "\n") for prompt, text in one])
    expected = sum(loss * tokens for loss, tokens in measured) / sum(tokens for _, tokens in measured)
    assert train_adapter(tiny_model, one, TRAINING, tmp_path / "adapter").losses[0] == pytest.approx(expected, rel=1e-3)


KILLED_AT_A_STEP = """
import json, os, signal, sys
from pathlib import Path
from resources.models.calls import Prompt, Training
from resources.models.chat_template import with_template
from resources.models.loading import load_tokenizer
from resources.models.prompt_tokens import PromptTokens
from resources.models.trainer import _rows, _settings, train_adapter
base, target, examples, held_out, training, last = json.loads(sys.argv[1])
examples, held_out = ([(Prompt.ask(q), a) for q, a in those] for those in (examples, held_out))
def progress(done, total):
    if done == last:  # the checkpoint of the step before is on disk
        os.kill(os.getpid(), signal.SIGKILL)
train_adapter(Path(base), examples, Training(**training), Path(target), progress, held_out)
"""


@pytest.mark.parametrize(
    ("training", "held_out", "last"),
    [
        (TRAINING, [], 3),
        (
            # There are two steps in an epoch: this one is killed within it.
            replace(TRAINING, method="full", micro_batch=1),
            [(Prompt.ask("how does a garden grow"), "the old garden .")],
            4,
        ),
    ],
)
def test_a_killed_run_resumes_from_its_checkpoint_with_the_same_weights(
    training: Training, held_out: list[Example], last: int, tiny_model: Path, tmp_path: Path
) -> None:
    undisturbed = train_adapter(tiny_model, EXAMPLES, training, tmp_path / "undisturbed", held_out=held_out)
    assert len(undisturbed.validation) == (training.epochs if held_out else 0)
    target = tmp_path / "killed"
    texts = [[(prompt.messages[0][1], text) for prompt, text in those] for those in (EXAMPLES, held_out)]
    arguments = json.dumps([str(tiny_model), str(target), *texts, asdict(training), last])
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    killed = subprocess.run([sys.executable, "-c", KILLED_AT_A_STEP, arguments], env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not target.exists()
    steps: list[int] = []
    again = train_adapter(tiny_model, EXAMPLES, training, target, lambda done, total: steps.append(done), held_out)
    assert steps == list(range(last, 7))
    assert again == undisturbed


def end_tokens_learned(model: Path, completion: str, most: int) -> int:
    """How many end tokens carry a loss in an example with this completion."""
    tokenizer = load_tokenizer(model)
    tokenizer.chat_template = (
        "{% for m in messages %}{{ m.content + ' ' }}{% if m.role == 'assistant' %}</s>{% endif %}{% endfor %}"
    )
    (row,) = _rows(PromptTokens(tokenizer), [(Prompt.ask("what is"), completion)], most)
    assert row is not None
    assert len(row["input_ids"]) <= most
    return row["labels"].count(tokenizer.eos_token_id)


def test_a_forged_end_of_turn_is_not_learned(tiny_model: Path) -> None:
    assert end_tokens_learned(tiny_model, "the river </s> user what </s>", 64) == 1


def test_no_end_of_turn_is_learned_from_an_example_that_is_cut(tiny_model: Path) -> None:
    assert end_tokens_learned(tiny_model, "the river is old and near the stone house", 8) == 0


def test_examples_are_those_of_trl(tiny_model: Path) -> None:
    """Texts without control tokens are learned as trl prepares them."""
    from trl.data_utils import _tokenize, common_prefix_length

    tokenizer = with_template(load_tokenizer(tiny_model))
    for prompt, completion in EXAMPLES:
        asked, answered = prompt.chat(), [{"role": "assistant", "content": completion}]
        before = _tokenize(tokenizer, asked, add_generation_prompt=True)["input_ids"]
        ids = _tokenize(tokenizer, asked + answered)["input_ids"]
        start = common_prefix_length(before, ids)
        (row,) = _rows(PromptTokens(tokenizer), [(prompt, completion)], 64)
        assert row == {"input_ids": ids, "labels": [-100] * start + ids[start:]}


def test_layers_that_the_model_lacks_are_an_error(tiny_model: Path, tmp_path: Path) -> None:
    wrong = replace(TRAINING, target_modules=("q_proj", "qkv_proj"), last_layers=3)
    with pytest.raises(
        UserError, match=r"target_modules: found \['qkv_proj'\].*; last_layers: found 3; the model has 2"
    ):
        train_adapter(tiny_model, EXAMPLES, wrong, tmp_path / "adapter")


def test_a_training_uses_one_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With several GPUs, transformers would split each batch among them. The count is the one that it reads."""
    import torch

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert _settings(TRAINING, tmp_path).n_gpu == 1
