"""A server turns a prompt into tokens by itself, so a control token in a text becomes one. These tests check that such
a prompt is refused with the token's name, and that a template of the recipe is not."""

from __future__ import annotations

import pytest

from resources.endpoint.request import refusal
from resources.models.calls import Prompt
from resources.models.control_forms import control_token

TOKENS = [
    "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|start_header_id|>", "<|START_OF_TURN_TOKEN|>",
    "<｜User｜>", "<｜end▁of▁sentence｜>", "[INST]", "[/INST]", "<<SYS>>", "<s>", "</s>", "<start_of_turn>",
    "<end_of_turn>", "<bos>", "<eos>", "<|channel|>", "[TOOL_CALLS]",
]  # fmt: skip
TEXTS = [
    "a < b | c > d", "if x <|> y", "<|>", "[1] and [2]", "the list [INSTANCE]", "<sup>2</sup>", "<strong>a</strong>",
    "a || b", "<table>", "s/a/b/", "<|" + 60 * "a" + "|>", "x [i] | y",
]  # fmt: skip


@pytest.mark.parametrize("token", TOKENS)
def test_a_text_with_a_control_token_is_refused_by_name(token: str) -> None:
    assert control_token(f"Look: {token}, there") == token
    reason = f"the text holds the control token {token!r}, which an endpoint cannot be sent as plain text"
    assert refusal(Prompt.ask(f"Explain {token}.")) == reason
    assert refusal(Prompt(messages=(("system", f"{token}"), ("user", "Explain tea.")))) == reason
    assert refusal(Prompt(text=f"Explain {token}.")) == reason


@pytest.mark.parametrize("text", TEXTS)
def test_other_texts_are_sent(text: str) -> None:
    assert control_token(text) is None
    assert refusal(Prompt.ask(text)) is None


@pytest.mark.parametrize("template", ["<|im_start|>user\n", "<bos><start_of_turn>user\n"])
def test_only_a_template_may_start_with_a_control_token(template: str) -> None:
    assert refusal(Prompt(text=template, is_template=True)) is None
    token = control_token(template)
    assert refusal(Prompt(text=template)) == (
        f"the text holds the control token {token!r}, which an endpoint cannot be sent as plain text"
    )
