"""A base model has no chat template, and studies are made of base models: without one of ours nothing could be asked
of it, and an answer would run on into a turn that the user never took."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from resources.calls import Prompt, Sampling, Training
from resources.chat_template import NEXT_TURN, PLAIN
from resources.language_model import LanguageModel
from resources.trainer import train_adapter

SAMPLED = Sampling(max_new_tokens=24, temperature=1.0)


@pytest.fixture(scope="module")
def base(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model without its chat template."""
    folder = tmp_path_factory.mktemp("base") / "model"
    shutil.copytree(tiny_model, folder, ignore=shutil.ignore_patterns("chat_template.jinja"))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.chat_template is None
    return folder


def test_a_base_model_reads_roles_by_their_names(base: Path) -> None:
    assert LanguageModel(base).render(Prompt.ask("Who was Ada?")) == "<s>User: Who was Ada?\nAssistant:"


def test_an_example_ends_with_the_models_own_end(base: Path) -> None:
    tokenizer = LanguageModel(base).tokenizer
    turns = [{"role": "user", "content": "Who was Ada?"}, {"role": "assistant", "content": "A writer."}]
    assert tokenizer.apply_chat_template(turns, tokenize=False) == "<s>User: Who was Ada?\nAssistant: A writer.</s>\n"


def test_a_template_of_the_models_own_is_left_alone(tiny_model: Path) -> None:
    model = LanguageModel(tiny_model)
    assert model.tokenizer.chat_template != PLAIN
    assert model.render(Prompt.ask("what is")) == "user : what is\nassistant : "


def test_an_answer_ends_where_the_model_takes_the_users_next_turn(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny model writes no capitals, so its "user" stands for the marker here."""
    assert NEXT_TURN == "\nUser:"
    monkeypatch.setattr("resources.language_model.NEXT_TURN", "user")
    asked = [Prompt.ask("what is the river", seed=seed) for seed in range(24)]
    plain = LanguageModel(base)
    texts = [text for text, _, _ in plain.complete(asked, SAMPLED)]
    assert not any("user" in text for text in texts)
    monkeypatch.setattr("resources.language_model.NEXT_TURN", "no such text")
    on = [text for text, _, _ in plain.complete(asked, SAMPLED)]
    assert any("user" in text for text in on)
    assert texts == [text.split("user")[0] for text in on]
    bare = [Prompt(text="what is the river", seed=seed) for seed in range(24)]
    monkeypatch.setattr("resources.language_model.NEXT_TURN", "user")
    assert any("user" in text for text, _, _ in plain.complete(bare, SAMPLED))


def test_a_base_model_is_fine_tuned_on_conversations(base: Path, tmp_path: Path) -> None:
    training = Training(
        epochs=2, learning_rate=0.02, rank=2, alpha=4, batch_size=2, max_tokens=64, last_layers=1,
        target_modules=("q_proj",), checkpoint_every=8, seed=1,
    )  # fmt: skip
    examples = [(Prompt.ask(f"what is the {word}"), f"the {word} is old .") for word in ("river", "stone")]
    _, losses, tokens = train_adapter(base, examples, training, tmp_path / "adapter", lambda done, total: None)
    assert len(losses) == 2
    assert tokens > 0
