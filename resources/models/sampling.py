"""Nucleus sampling with a random generator per row: a row's text depends on no other row and not on their order.

Nucleus sampling: Holtzman et al. 2020 (https://arxiv.org/abs/1904.09751, section 3.1). Each row draws one number per
step from a generator with its own seed and inverts the cumulative distribution of its nucleus. All tokens but the
chosen one get the score minus infinity, so that decoding itself stays greedy.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import LogitsProcessor, LogitsProcessorList

LIKELIEST = 1024
"""How many tokens are sorted first (our choice)."""


class SeededSampling(LogitsProcessor):
    """Leaves each row only the token that its generator drew, at `temperature` and within the nucleus `top_p`."""

    def __init__(self, seeds: Sequence[int], temperature: float, top_p: float) -> None:
        self.temperature, self.top_p = temperature, top_p
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """`scores` (rows, vocabulary): 0 for the drawn token, minus infinity for all others."""
        logits = scores.float() / self.temperature
        draws = torch.stack([torch.rand((), generator=generator) for generator in self.generators])
        tokens, cumulative = self._nucleus(logits)
        # Multiplied with the total, since rounding may leave it slightly below the draw.
        mass = cumulative[:, -1:]
        place = torch.searchsorted(cumulative, draws.to(mass.device)[:, None] * mass, right=True)
        chosen = tokens.gather(1, place.clamp(max=tokens.shape[1] - 1))
        return torch.full_like(scores, -torch.inf).scatter_(1, chosen, 0.0)  # type: ignore[return-value]

    def _nucleus(self, logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(token ids, likeliest first; cumulative probability, constant after the nucleus)."""
        total = logits.logsumexp(-1, keepdim=True)
        # Sorting the whole vocabulary takes as long as the model itself; the nucleus is nearly always among these.
        likeliest = min(LIKELIEST, logits.shape[1])
        top, tokens = logits.topk(likeliest)
        probabilities = (top - total).exp()
        if likeliest < logits.shape[1] and bool((probabilities.sum(-1) < self.top_p).any()):
            top, tokens = logits.sort(descending=True, stable=True)
            probabilities = (top - total).exp()
        before = probabilities.cumsum(-1) - probabilities
        return tokens, probabilities.where(before < self.top_p, 0.0).cumsum(-1)


def logits_processors(temperature: float, top_p: float, seeds: Sequence[int]) -> LogitsProcessorList:
    """Seeded sampling, or no processor at temperature 0, which is greedy decoding."""
    return LogitsProcessorList([SeededSampling(seeds, temperature, top_p)] if temperature > 0 else [])
