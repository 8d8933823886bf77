"""Counts tokens with a model's tokenizer, without its weights."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from transformers import AutoTokenizer, PreTrainedTokenizerBase


def token_counts(folder: Path, texts: Sequence[str]) -> list[int]:
    """How many tokens each text has, without special ones, for the model in `folder`."""
    if not texts:
        return []
    return [len(ids) for ids in _tokenizer(folder)(list(texts), add_special_tokens=False)["input_ids"]]


@cache
def _tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder)
    return tokenizer
