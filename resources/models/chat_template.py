"""How a conversation is written for a model: in its own chat template, or plainly where it has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# Ours, for base models: every role by its name, and an end after each answer, so that a student learns to stop.
PLAIN = (
    "{{ bos_token or '' }}{% for message in messages %}"
    "{% if message.role == 'assistant' %}Assistant: {{ message.content }}{{ eos_token }}\n"
    "{% else %}{{ message.role | capitalize }}: {{ message.content }}\n{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"
)
LEAD = " "
"""What stands between "Assistant:" and its answer in PLAIN: a tokenizer takes it and the first word as one."""
NEXT_TURN = "\nUser:"
"""Where an answer in PLAIN ends, if the model, which knows no end of a turn, goes on with the user's next one."""


def with_template(tokenizer: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    """The tokenizer, with PLAIN as its chat template if it had none."""
    if tokenizer.chat_template is None:
        tokenizer.chat_template = PLAIN
    return tokenizer
