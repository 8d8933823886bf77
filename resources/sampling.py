"""Sampling whose randomness belongs to the row: what is drawn depends neither on the batch nor on its order.

Source: the Gumbel-max trick, argmax(log p + Gumbel noise) is a draw from p (Maddison et al. 2014,
https://arxiv.org/abs/1411.0030, section 2). Decoding can then stay greedy, row by row.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import LogitsProcessor, LogitsProcessorList, TemperatureLogitsWarper, TopPLogitsWarper


class GumbelNoise(LogitsProcessor):
    """Adds Gumbel noise to each row's logits from a generator of its own, seeded with the row's seed."""

    def __init__(self, seeds: Sequence[int]) -> None:
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """`scores` (rows, vocabulary) with one fresh draw of noise per row and step."""
        noise = torch.empty(scores.shape, dtype=torch.float32)
        for row, generator in enumerate(self.generators):
            noise[row].exponential_(generator=generator)
        return scores - noise.log().to(scores.device)  # type: ignore[return-value]


def logits_processors(temperature: float, top_p: float, seeds: Sequence[int]) -> LogitsProcessorList:
    """Temperature, then the nucleus, then noise; none at temperature 0, which is greedy decoding."""
    processors = LogitsProcessorList()
    if temperature > 0:
        processors.append(TemperatureLogitsWarper(temperature))
        if top_p < 1:
            processors.append(TopPLogitsWarper(top_p))
        processors.append(GumbelNoise(seeds))
    return processors
