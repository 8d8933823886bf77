"""Counts tokens with a model's tokenizer, without its weights."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from resources.models.calls import Prompt
from resources.models.chat_template import with_template
from resources.models.loading import load_tokenizer
from resources.models.prompt_tokens import PromptTokens


def token_counts(folder: Path, texts: Sequence[str]) -> list[int]:
    """How many tokens each text has, without special ones, for the model in `folder`. Control tokens are text."""
    return [len(prompt_tokens(folder).of_text(text)) for text in texts]


def example_sizes(folder: Path, examples: Sequence[tuple[Prompt, str]]) -> list[int]:
    """How many tokens each training example (prompt, completion) has for the model in `folder`."""
    return [len(prompt_tokens(folder).example(prompt, completion)[0]) for prompt, completion in examples]


@cache
def prompt_tokens(folder: Path) -> PromptTokens:
    """What tokenizes for the model in `folder`. Raises UserError where its tokenizer cannot be loaded."""
    return PromptTokens(with_template(load_tokenizer(folder)))
