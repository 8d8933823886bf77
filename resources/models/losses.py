"""The losses of texts: what they share is read once, and only the positions that count get logits.

A model with 135 million parameters and a vocabulary of 49,152 spends a fifth of a forward pass on logits, and most of
the memory. The logits of prompts are never needed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

LEAST_SAVED = 64
"""How many tokens must be saved at least to read a shared beginning by itself, which costs a pass (our choice)."""

AT_ONCE = 256
"""How many positions are turned into losses at the same time, which needs a copy of their logits."""

Row = tuple[list[int], list[int]]
"""The token ids of a prompt, of which there is at least one, and of its continuation."""


def response_of(loss: float) -> dict[str, Any]:
    """A loss as the memo records it: a refusal where it is no finite number."""
    return {"loss": loss} if math.isfinite(loss) else {"refusal": "the loss is no finite number"}


def mean_losses(model: Any, rows: Sequence[Row], pad: int) -> list[float]:
    """The mean loss in nats of each continuation given its prompt, in one batch; nan where it has no token.

    `model` is a causal language model of transformers; `pad` is any token.
    """
    import torch

    # The last token is predicted but not read, so texts that differ only in it are read once.
    read = [(*head, *tail[:-1]) for head, tail in rows]
    number = {tokens: place for place, tokens in enumerate(dict.fromkeys(read))}
    distinct = list(number)
    shared = _shared(distinct, min(len(head) for head, _ in rows) - 1)
    if shared * (len(distinct) - 1) < LEAST_SAVED:
        shared = 0
    counted = [
        (number[tokens], place - shared)
        for (head, tail), tokens in zip(rows, read, strict=True)
        for place in range(len(head) - 1, len(head) - 1 + len(tail))
    ]
    targets = torch.tensor([token for _, tail in rows for token in tail], dtype=torch.long, device=model.device)
    # Padding after a text needs no mask, since nothing attends to what comes later.
    ids = _padded([tokens[shared:] for tokens in distinct], pad, model.device)
    with torch.inference_mode():
        cache = _read_once(model, distinct[0][:shared], len(distinct)) if shared else None
        with _logits_only_at(model, counted):
            logits = model(input_ids=ids, past_key_values=cache, use_cache=cache is not None).logits[0]
        losses = torch.cat([torch.empty(0, device=model.device), *_losses(logits, targets)])
    return [float(part.mean()) for part in torch.split(losses, [len(tail) for _, tail in rows])]


def _shared(rows: Sequence[tuple[int, ...]], most: int) -> int:
    """How many tokens all rows begin with, at most `most`."""
    first, last = min(rows), max(rows)
    return next((place for place in range(most) if first[place] != last[place]), most)


def _read_once(model: Any, tokens: Sequence[int], rows: int) -> Any:
    """The keys and values of `tokens`, for each of `rows` rows that begin with them."""
    import torch

    ids = torch.tensor([list(tokens)], device=model.device)
    cache = model(input_ids=ids, use_cache=True, logits_to_keep=1).past_key_values
    cache.batch_repeat_interleave(rows)
    return cache


def _padded(rows: Sequence[Sequence[int]], pad: int, device: Any) -> torch.Tensor:
    import torch

    width = max(len(row) for row in rows)
    return torch.tensor([[*row, *[pad] * (width - len(row))] for row in rows], device=device)


@contextmanager
def _logits_only_at(model: Any, places: Sequence[tuple[int, int]]) -> Iterator[None]:
    """Makes `model` compute the logits of these (row, position) alone, all in one row, until the block ends.

    Models differ in what they do to logits afterwards, so the layer of logits gets less to read and is not replaced.
    """
    chosen = [row for row, _ in places], [place for _, place in places]
    layer = model.get_output_embeddings()
    hook = layer.register_forward_pre_hook(lambda _, given: (given[0][chosen][None], *given[1:]))
    try:
        yield
    finally:
        hook.remove()


def _losses(logits: torch.Tensor, targets: torch.Tensor) -> Iterator[torch.Tensor]:
    import torch

    for part, wanted in zip(torch.split(logits, AT_ONCE), torch.split(targets, AT_ONCE), strict=True):
        exact = part.float()
        yield exact.logsumexp(-1) - exact.gather(-1, wanted[:, None]).squeeze(-1)
