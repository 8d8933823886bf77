"""A causal language model on this machine: completions and losses, in batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedTokenizerBase,
    StoppingCriteria,
    StoppingCriteriaList,
)

from resources.models.calls import Prompt, Sampling
from resources.models.chat_template import LEAD, NEXT_TURN, PLAIN, with_template
from resources.models.device import device, dtype
from resources.models.sampling import logits_processors

Written = tuple[str, int, bool]
"""(text, tokens written, whether it ended by itself)."""


class LanguageModel:
    """The model in `folder` (in the form that transformers saves), on the device and in the type of device.py."""

    def __init__(self, folder: Path) -> None:
        self.device = torch.device(device())
        self.tokenizer: PreTrainedTokenizerBase = with_template(
            AutoTokenizer.from_pretrained(folder, padding_side="left")
        )
        if self.tokenizer.pad_token_id is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        added = self.tokenizer.added_tokens_decoder.values()
        self._special = {*self.tokenizer.all_special_tokens, *(token.content for token in added if token.special)}
        self.model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype()).to(self.device).eval()

    @property
    def _uses_plain(self) -> bool:
        return bool(self.tokenizer.chat_template == PLAIN)

    @property
    def context(self) -> int:
        """The most tokens of a prompt and its completion together."""
        return int(self.model.config.max_position_embeddings)

    def render(self, prompt: Prompt) -> str:
        """The text that the model reads: the messages in its chat template, or the bare text."""
        if prompt.messages:
            return str(self.tokenizer.apply_chat_template(prompt.chat(), tokenize=False, add_generation_prompt=True))
        return prompt.text

    def tokens(self, text: str) -> list[int]:
        """Token ids of rendered text. Adds no special tokens: the chat template has written them into the text."""
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    @contextmanager
    def with_adapter(self, adapter: Path | None) -> Iterator[LanguageModel]:
        """This model with the LoRA adapter in the folder `adapter`, until the block ends."""
        if adapter is None:
            yield self
            return
        from peft import PeftModel

        bare = self.model
        self.model = PeftModel.from_pretrained(bare, str(adapter)).eval()
        try:
            yield self
        finally:
            self.model = self.model.unload()

    def complete(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Written]:
        """One completion per prompt, in one batch; each row is sampled with its own seed."""
        encoded = [self.tokens(self.render(prompt)) for prompt in prompts]
        ids, mask = self._padded(encoded)
        if self._uses_plain and any(prompt.messages for prompt in prompts):
            sampling = replace(sampling, stop=(*sampling.stop, NEXT_TURN))
        stops = self._stops_by_text(sampling.stop)
        stopping = [_StopStrings(self.tokenizer, stops, ids.shape[1])] if stops else []
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
                pad_token_id=self.tokenizer.pad_token_id,
            )
        return [self._written(row, stops, sampling.max_new_tokens) for row in output[:, ids.shape[1] :].tolist()]

    def losses(self, texts: Sequence[tuple[Prompt, str]]) -> list[tuple[float, int]]:
        """(mean loss in nats, tokens) of each continuation given its prompt, in one batch.

        With an empty prompt, the continuation follows the token that begins every text.
        """
        heads = [self.tokens(self.render(prompt)) or [self._first()] for prompt, _ in texts]
        tails = [self.tokens(LEAD + text if self._uses_plain and not prompt.text else text) for prompt, text in texts]
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

    def _written(self, row: list[int], stops: Mapping[bool, Sequence[str]], budget: int) -> Written:
        ends = {self.tokenizer.eos_token_id, self.tokenizer.pad_token_id}
        length = next((index for index, token in enumerate(row) if token in ends), len(row))
        stopped: list[str] = []
        for special, wanted in stops.items():
            text = self.tokenizer.decode(row[:length], skip_special_tokens=not special)
            before = [text[: text.index(stop)] for stop in wanted if stop in text]
            stopped += map(self._without_special, before) if special else before
        complete = length < len(row) or bool(stopped) or len(row) < budget
        text = self.tokenizer.decode(row[:length], skip_special_tokens=True)
        return min(stopped, key=len, default=text), length, complete

    def _stops_by_text(self, stops: Sequence[str]) -> dict[bool, list[str]]:
        """Stop strings by whether they contain a special token. Only those are searched in text with special tokens."""
        found: dict[bool, list[str]] = {}
        for stop in stops:
            found.setdefault(any(token in stop for token in self._special), []).append(stop)
        return found

    def _without_special(self, text: str) -> str:
        for token in self._special:
            text = text.replace(token, "")
        return text


class _StopStrings(StoppingCriteria):
    """Ends a row when its new text contains a stop string. (That of transformers indexes the vocabulary.)

    `stops` are by whether they are searched in text with special tokens.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, stops: Mapping[bool, Sequence[str]], start: int) -> None:
        self.tokenizer, self.stops, self.start = tokenizer, stops, start

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **_: Any) -> torch.Tensor:
        found = [False] * len(input_ids)
        for special, stops in self.stops.items():
            texts = self.tokenizer.batch_decode(input_ids[:, self.start :], skip_special_tokens=not special)
            found = [done or any(stop in text for stop in stops) for done, text in zip(found, texts, strict=True)]
        return torch.tensor(found, device=input_ids.device)
