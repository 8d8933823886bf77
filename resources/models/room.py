"""How many rows and tokens are computed at once: what fits into the memory of a GPU, and fixed numbers on a CPU.

On a CPU larger batches are hardly faster, so the numbers are constants there (ours): the batches, and with them every
text and loss, are the same on each machine. On a GPU they follow from its free memory once the weights are loaded. They
are rounded down to powers of two, so that a little more or less free memory gives the same batches.

Worked example: OLMo-2-7B in bfloat16 keeps 2 · 32 layers · 32 heads · 128 numbers of 2 bytes for each token, 512 KiB.
With what the layers compute, a token that is written takes 662 KiB. Of 60 GiB that are free, half is used: 47,518
tokens, rounded down to 32,768.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

WRITING, READING = (64, 12_288), (64, 2_048)
"""The most rows and tokens of a batch of completions, and of losses, on a CPU and at least (our choice)."""
MOST_ROWS = 512
"""The most rows on a GPU (our choice)."""
SHARE = 0.5
"""The share of the free memory that is used; the rest is for copies, such as those of a cache that grows (ours)."""


@dataclass(frozen=True)
class Shape:
    """What decides how much memory a token takes: sizes from a model's config.json, and the bytes of a number."""

    layers: int
    kept: int
    """Numbers of keys and values that a layer keeps of a token."""
    hidden: int
    inner: int
    vocabulary: int
    bytes: int

    @staticmethod
    def of(config: Any, size: int) -> Shape:
        """The shape by a transformers configuration, with numbers of `size` bytes."""
        text = config.get_text_config()
        heads = getattr(text, "num_attention_heads", None) or 1
        head = getattr(text, "head_dim", None) or text.hidden_size // heads
        return Shape(
            layers=text.num_hidden_layers,
            kept=2 * (getattr(text, "num_key_value_heads", None) or heads) * head,
            hidden=text.hidden_size,
            inner=getattr(text, "intermediate_size", None) or 4 * text.hidden_size,
            vocabulary=text.vocab_size,
            bytes=size,
        )

    @property
    def written(self) -> int:
        """Bytes that a token takes in a batch of completions: keys and values, and what one layer computes (ours)."""
        return self.bytes * (self.layers * self.kept + 8 * self.hidden + 4 * self.inner)

    @property
    def read(self) -> int:
        """Bytes that a token takes in a batch of losses: the same, and its logits."""
        return self.written + self.bytes * self.vocabulary


Limit = tuple[int, int]
"""The most rows and tokens of a batch."""


def limits_of(free: int | None, config: Any, size: int) -> tuple[Limit, Limit]:
    """The limits for a model with this configuration and numbers of `size` bytes; `free` is None on a CPU."""
    return (WRITING, READING) if free is None else limits(free, Shape.of(config, size))


def limits(free: int, shape: Shape) -> tuple[Limit, Limit]:
    """The limits of completions and of losses with `free` bytes of GPU memory, at least those of a CPU."""
    return _fitting(free, shape.written, WRITING), _fitting(free, shape.read, READING)


def _fitting(free: int, each: int, least: Limit) -> Limit:
    fit = max(1, int(free * SHARE) // each)
    tokens = 1 << (fit.bit_length() - 1)
    return (MOST_ROWS, tokens) if tokens > least[1] else least
