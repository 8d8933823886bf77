"""A causal language model through transformers: completions and losses, in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import StoppingCriteria, StoppingCriteriaList

from resources.models.calls import Prompt, Sampling
from resources.models.device import device, dtype, free_bytes
from resources.models.generation import own_config
from resources.models.loading import load_adapter, load_language_model
from resources.models.losses import mean_losses
from resources.models.model_texts import ModelTexts, Written
from resources.models.room import Limit, limits_of
from resources.models.sampling import logits_processors


class LanguageModel:
    """The model in `folder` (in the form that transformers saves), on the device of device.py.

    `precision` is the type of its numbers, such as "bfloat16"; by default it is that of device.py. With `weights` it
    has those of this folder, and reads and writes as `folder` says. Raises UserError where it cannot be loaded.
    """

    most: Limit
    """The most rows and tokens of a batch of completions."""
    most_read: Limit
    """The most rows and tokens of a batch of losses."""

    def __init__(self, folder: Path, precision: str | None = None, weights: Path | None = None) -> None:
        self.device = torch.device(device())
        self.texts = ModelTexts(folder)
        self.model: Any = (
            load_language_model(weights or folder, dtype=getattr(torch, precision) if precision else dtype())
            .to(self.device)
            .eval()
        )
        self.most, self.most_read = limits_of(free_bytes(), self.texts.config, self.model.dtype.itemsize)
        self.model.generation_config = own_config(self.texts.ends, self.texts.tokenizer)

    @contextmanager
    def with_adapter(self, adapter: Path | None) -> Iterator[LanguageModel]:
        """This model with the LoRA adapter in the folder `adapter`, until the block ends."""
        if adapter is None:
            yield self
            return
        self.model = load_adapter(self.model, adapter).eval()
        try:
            yield self
        finally:
            self.model = self.model.unload()

    def complete(
        self,
        prompts: Sequence[Prompt],
        sampling: Sampling,
        done: Callable[[int, int], None] = lambda rows, tokens: None,
    ) -> list[Written]:
        """One completion per prompt, in one batch; each row is sampled with its own seed. All end together (`done`)."""
        ids, mask = self._padded([self.texts.of_prompt(prompt) for prompt in prompts])
        stops = [self.texts.stops(prompt, sampling) for prompt in prompts]
        stopping = [_StopStrings(self.texts, stops, ids.shape[1])] if any(stops) else []
        with torch.inference_mode():
            output = self.model.generate(
                input_ids=ids,
                attention_mask=mask,
                max_new_tokens=sampling.max_new_tokens,
                do_sample=False,
                logits_processor=logits_processors(
                    sampling.temperature, sampling.top_p, [prompt.seed for prompt in prompts]
                ),
                stopping_criteria=StoppingCriteriaList(stopping),
            )
        written = [
            self.texts.written(row, own, sampling.max_new_tokens)
            for row, own in zip(output[:, ids.shape[1] :].tolist(), stops, strict=True)
        ]
        done(len(prompts), sum(tokens for _, tokens, _ in written))
        return written

    def losses(self, texts: Sequence[tuple[Prompt, str]], ends: bool = False) -> list[tuple[float, int]]:
        """(mean loss in nats, tokens) of each continuation given its prompt, in one batch; `ends` as in ModelTexts."""
        rows = [self.texts.measured(prompt, text, ends) for prompt, text in texts]
        measured = mean_losses(self.model, rows, self.texts.first)
        return [(loss, len(tail)) for loss, (_, tail) in zip(measured, rows, strict=True)]

    def _padded(self, rows: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        width = max(len(row) for row in rows)
        pad = self.texts.tokenizer.pad_token_id
        ids = torch.tensor([[pad] * (width - len(row)) + row for row in rows], device=self.device)
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows], device=self.device)
        return ids, mask


class _StopStrings(StoppingCriteria):
    """Ends a row when its new text contains one of its stop strings. (That of transformers indexes the vocabulary.)"""

    def __init__(self, texts: ModelTexts, stops: Sequence[Sequence[str]], start: int) -> None:
        self.texts, self.stops, self.start = texts, stops, start

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **_: Any) -> torch.Tensor:
        rows = self.texts.tokenizer.batch_decode(input_ids[:, self.start :], skip_special_tokens=False)
        found = [any(stop in text for stop in stops) for text, stops in zip(rows, self.stops, strict=True)]
        return torch.tensor(found, device=input_ids.device)
