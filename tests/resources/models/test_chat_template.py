"""Many studies start from a base model, and a base model has no chat template. These tests check that the template we
add formats conversations in the same way for training and measuring, and that an answer ends before an invented user
turn."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from resources.models.calls import Prompt, Sampling, Training
from resources.models.chat_template import NEXT_TURN, PLAIN
from resources.models.language_model import LanguageModel
from resources.models.trainer import train_adapter

TRAINING = Training(
    epochs=2, learning_rate=0.02, rank=2, alpha=4, batch_size=2, max_tokens=64, last_layers=1,
    target_modules=("q_proj",), checkpoint_every=8, seed=1,
)  # fmt: skip
SAMPLED = Sampling(max_new_tokens=24, temperature=1.0)


@pytest.fixture(scope="module")
def base(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model without its chat template."""
    folder = tmp_path_factory.mktemp("base") / "model"
    shutil.copytree(tiny_model, folder, ignore=shutil.ignore_patterns("chat_template.jinja"))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.chat_template is None
    return folder


@pytest.fixture(scope="module")
def bytes_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base model whose tokenizer joins a space with the word after it, as most tokenizers do."""
    folder = tmp_path_factory.mktemp("bytes") / "model"
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=320, special_tokens=["<s>", "</s>"], initial_alphabet=alphabet)
    tokenizer.train_from_iterator(["User: what is the river\nAssistant: the river is old"] * 9, trainer)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="</s>"
    ).save_pretrained(folder)
    torch.manual_seed(0)
    size = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer.get_vocab()), **size)).save_pretrained(folder)
    return folder


def test_losses_are_measured_on_the_tokens_used_in_training(bytes_base: Path, tmp_path: Path) -> None:
    """A student learns " the" after "Assistant:"; "the" without the space is another token and never occurs."""
    asked = [(Prompt.ask("what is the river"), "the river is old"), (Prompt.ask("what is old"), "the river")]
    model = LanguageModel(bytes_base)
    # In training a completion also ends its turn, with "</s>" and a line break.
    examples = [
        (model.texts.tokens(model.texts.render(prompt)), model.texts.tokens(f" {text}</s>\n")) for prompt, text in asked
    ]
    losses_of = [
        torch.nn.functional.cross_entropy(
            model.model(torch.tensor([head + tail])).logits[0, len(head) - 1 : -1], torch.tensor(tail), reduction="sum"
        ).item()
        for head, tail in examples
    ]
    expected = sum(losses_of) / sum(len(tail) for _, tail in examples)
    assert [tokens for _, tokens in model.losses(asked)] == [len(tail) - 2 for _, tail in examples]
    losses = train_adapter(bytes_base, asked, TRAINING, tmp_path / "adapter").losses
    assert losses[0] == pytest.approx(expected, rel=1e-3)


def test_a_response_has_the_same_tokens_alone_and_as_an_answer(bytes_base: Path) -> None:
    model = LanguageModel(bytes_base)
    (_, alone), (_, answered) = model.losses([(Prompt(), "the river"), (Prompt.ask("what"), "the river")])
    assert alone == answered == len(model.texts.tokens(" the river"))


def test_a_base_model_prompt_labels_turns_with_role_names(base: Path) -> None:
    assert LanguageModel(base).texts.render(Prompt.ask("Who was Ada?")) == "<s>User: Who was Ada?\nAssistant:"


def test_an_example_ends_with_the_end_token_of_the_model(base: Path) -> None:
    tokenizer = LanguageModel(base).texts.tokenizer
    turns = [{"role": "user", "content": "Who was Ada?"}, {"role": "assistant", "content": "A writer."}]
    assert tokenizer.apply_chat_template(turns, tokenize=False) == "<s>User: Who was Ada?\nAssistant: A writer.</s>\n"


def test_an_existing_chat_template_is_not_replaced(tiny_model: Path) -> None:
    model = LanguageModel(tiny_model)
    assert model.texts.tokenizer.chat_template != PLAIN
    assert model.texts.render(Prompt.ask("what is")) == "user : what is\nassistant : "


def test_an_answer_ends_where_the_model_starts_a_user_turn(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny model writes no capital letters, so "user" replaces the marker here."""
    assert NEXT_TURN == "\nUser:"
    monkeypatch.setattr("resources.models.model_texts.NEXT_TURN", "user")
    asked = [Prompt.ask("what is the river", seed=seed) for seed in range(24)]
    plain = LanguageModel(base)
    texts = [text for text, _, _ in plain.complete(asked, SAMPLED)]
    assert not any("user" in text for text in texts)
    monkeypatch.setattr("resources.models.model_texts.NEXT_TURN", "no such text")
    on = [text for text, _, _ in plain.complete(asked, SAMPLED)]
    assert any("user" in text for text in on)
    assert texts == [text.split("user")[0] for text in on]
    bare = [Prompt(text="what is the river", seed=seed) for seed in range(24)]
    monkeypatch.setattr("resources.models.model_texts.NEXT_TURN", "user")
    assert any("user" in text for text, _, _ in plain.complete(bare, SAMPLED))


def test_a_base_model_is_fine_tuned_on_conversations(base: Path, tmp_path: Path) -> None:
    examples = [(Prompt.ask(f"what is the {word}"), f"the {word} is old .") for word in ("river", "stone")]
    made = train_adapter(base, examples, TRAINING, tmp_path / "adapter")
    assert len(made.losses) == 2
    assert made.tokens > 0
