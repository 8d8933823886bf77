"""How a conversation is written for a model: in its own chat template, or in PLAIN if it has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# Our template for base models: the name of each role, and an end token after each answer, so that a student learns to
# stop.
PLAIN = (
    "{{ bos_token or '' }}{% for message in messages %}"
    "{% if message.role == 'assistant' %}Assistant: {{ message.content }}{{ eos_token }}\n"
    "{% else %}{{ message.role | capitalize }}: {{ message.content }}\n{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"
)
LEAD = " "
"""The space between "Assistant:" and the answer in PLAIN: most tokenizers join it with the first word."""
NEXT_TURN = "\nUser:"
"""The stop string of answers in PLAIN: a base model does not know where a turn ends and may write the next one."""


def with_template(tokenizer: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    """The tokenizer, with PLAIN as its chat template if it has none."""
    if tokenizer.chat_template is None:
        tokenizer.chat_template = PLAIN
    return tokenizer
