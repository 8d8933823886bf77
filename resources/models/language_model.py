"""A causal language model on this machine: completions and losses, in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase, StoppingCriteria, StoppingCriteriaList

from resources.models.calls import Prompt, Sampling
from resources.models.chat_template import LEAD, NEXT_TURN, PLAIN, with_template
from resources.models.device import device, dtype
from resources.models.generation import own_config
from resources.models.loading import load_adapter, load_language_model, load_tokenizer
from resources.models.prompt_tokens import PromptTokens
from resources.models.sampling import logits_processors

Written = tuple[str, int, bool]
"""(text, tokens written, whether it ended by itself)."""


class LanguageModel:
    """The model in `folder` (in the form that transformers saves), on the device and in the type of device.py.

    Raises UserError where it cannot be loaded.
    """

    def __init__(self, folder: Path) -> None:
        self.device = torch.device(device())
        self.tokenizer: PreTrainedTokenizerBase = with_template(load_tokenizer(folder, padding_side="left"))
        if self.tokenizer.pad_token_id is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        self.prompt_tokens = PromptTokens(self.tokenizer)
        self.model: Any = load_language_model(folder, dtype=dtype()).to(self.device).eval()
        self.model.generation_config = config = own_config(folder, self.model, self.tokenizer)
        self._ends = {*(config.eos_token_id or ()), config.pad_token_id}

    @property
    def _uses_plain(self) -> bool:
        return bool(self.tokenizer.chat_template == PLAIN)

    @property
    def context(self) -> int:
        """The most tokens of a prompt and its completion together."""
        return int(self.model.config.max_position_embeddings)

    def render(self, prompt: Prompt) -> str:
        """The text that the model reads: the messages in its chat template, or the bare text."""
        return self.prompt_tokens.written(prompt.chat()) if prompt.messages else prompt.text

    def tokens(self, text: str) -> list[int]:
        """Token ids of a text whose control tokens are meant as such. Adds no others."""
        return self.prompt_tokens.of_template(text)

    def prompt_size(self, prompt: Prompt) -> int:
        """How many tokens the model reads for a prompt."""
        return len(self.prompt_tokens.of_prompt(prompt))

    def loss_size(self, prompt: Prompt, target: str) -> int:
        """How many tokens the model reads for a loss."""
        return len(self.prompt_tokens.of_prompt(prompt)) + len(self.prompt_tokens.of_text(target))

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

    def complete(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Written]:
        """One completion per prompt, in one batch; each row is sampled with its own seed."""
        encoded = [self.prompt_tokens.of_prompt(prompt) for prompt in prompts]
        ids, mask = self._padded(encoded)
        if self._uses_plain and any(prompt.messages for prompt in prompts):
            sampling = replace(sampling, stop=(*sampling.stop, NEXT_TURN))
        stopping = [_StopStrings(self.tokenizer, sampling.stop, ids.shape[1])] if sampling.stop else []
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
        return [
            self._written(row, sampling.stop, sampling.max_new_tokens) for row in output[:, ids.shape[1] :].tolist()
        ]

    def losses(self, texts: Sequence[tuple[Prompt, str]]) -> list[tuple[float, int]]:
        """(mean loss in nats, tokens) of each continuation given its prompt, in one batch.

        With an empty prompt, the continuation follows the token that begins every text.
        """
        heads = [self.prompt_tokens.of_prompt(prompt) or [self._first()] for prompt, _ in texts]
        tails = [
            self.prompt_tokens.of_text(LEAD + text if self._uses_plain and not prompt.text else text)
            for prompt, text in texts
        ]
        # The last token is predicted but not read, so texts that differ only in it are read once.
        read = [(*head, *tail[:-1]) for head, tail in zip(heads, tails, strict=True)]
        row_of = {tokens: row for row, tokens in enumerate(dict.fromkeys(read))}
        ids, mask = self._padded([list(tokens) for tokens in row_of])
        longest = max(len(tail) for tail in tails)
        with torch.inference_mode():
            logits = self.model(input_ids=ids, attention_mask=mask, logits_to_keep=longest).logits
        measured = []
        for tokens, tail in zip(read, tails, strict=True):
            target = torch.tensor(tail, device=logits.device)
            predicted = logits[row_of[tokens], -len(tail) :].float()
            loss = torch.nn.functional.cross_entropy(predicted, target)
            measured.append((float(loss), len(tail)))
        return measured

    def _first(self) -> int:
        first = self.tokenizer.bos_token_id
        return int(self.tokenizer.eos_token_id if first is None else first)

    def _padded(self, rows: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        width = max(len(row) for row in rows)
        pad = self.tokenizer.pad_token_id
        ids = torch.tensor([[pad] * (width - len(row)) + row for row in rows], device=self.device)
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows], device=self.device)
        return ids, mask

    def _written(self, row: list[int], stops: Sequence[str], budget: int) -> Written:
        """The text of new tokens up to the first that ends it, and before the first stop string.

        Other special tokens stay in the text, so that nobody takes it for what it is not.
        """
        length = next((index for index, token in enumerate(row) if token in self._ends), len(row))
        text = self.tokenizer.decode(row[:length], skip_special_tokens=False)
        stopped = [text[: text.index(stop)] for stop in stops if stop in text]
        complete = length < len(row) or bool(stopped) or len(row) < budget
        return min(stopped, key=len, default=text), length, complete


class _StopStrings(StoppingCriteria):
    """Ends a row when its new text contains a stop string. (That of transformers indexes the vocabulary.)"""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, stops: Sequence[str], start: int) -> None:
        self.tokenizer, self.stops, self.start = tokenizer, stops, start

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **_: Any) -> torch.Tensor:
        texts = self.tokenizer.batch_decode(input_ids[:, self.start :], skip_special_tokens=False)
        found = [any(stop in text for stop in self.stops) for text in texts]
        return torch.tensor(found, device=input_ids.device)
