"""What a language model reads for a prompt, and how the tokens that it writes become text, for every engine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resources.models.calls import Prompt, Sampling
from resources.models.chat_template import LEAD, NEXT_TURN, PLAIN, with_template
from resources.models.generation import end_tokens
from resources.models.loading import load_config, load_tokenizer
from resources.models.prompt_tokens import PromptTokens

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Written = tuple[str, int, bool]
"""(text, tokens written, whether it ended by itself)."""


class ModelTexts:
    """The tokenizer and the chat template of the model in `folder`. Raises UserError where it cannot be loaded."""

    def __init__(self, folder: Path) -> None:
        self.config: Any = load_config(folder)
        self.tokenizer: PreTrainedTokenizerBase = with_template(load_tokenizer(folder, padding_side="left"))
        if self.tokenizer.pad_token_id is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        self.prompt_tokens = PromptTokens(self.tokenizer)
        self.ends = end_tokens(folder, self.config, self.tokenizer)
        self._all_ends = {*self.ends, self.tokenizer.pad_token_id}

    @property
    def context(self) -> int:
        """The most tokens of a prompt and its completion together."""
        return int(self.config.max_position_embeddings)

    def render(self, prompt: Prompt) -> str:
        """The text that the model reads: the messages in its chat template, or the bare text."""
        return self.prompt_tokens.written(prompt.chat()) if prompt.messages else prompt.text

    def tokens(self, text: str) -> list[int]:
        """Token ids of a text whose control tokens are meant as such. Adds no others."""
        return self.prompt_tokens.of_template(text)

    def of_prompt(self, prompt: Prompt) -> list[int]:
        """The token ids that the model reads for a prompt."""
        return self.prompt_tokens.of_prompt(prompt)

    def of_target(self, prompt: Prompt, target: str) -> list[int]:
        """The token ids of a continuation of a prompt, as an answer in the chat template begins."""
        return self.prompt_tokens.of_text(LEAD + target if self._uses_plain and not prompt.text else target)

    def measured(self, prompt: Prompt, target: str, ends: bool = False) -> tuple[list[int], list[int]]:
        """The token ids of a prompt and of a continuation whose loss is measured.

        With an empty prompt, the continuation follows the token that begins every text. With `ends` it is the answer
        of a training example, and ends as that does; prompts then have messages.
        """
        if ends:
            ids, before = self.prompt_tokens.example(prompt, target)
            return ids[:before], ids[before:]
        return self.of_prompt(prompt) or [self.first], self.of_target(prompt, target)

    def stops(self, prompt: Prompt, sampling: Sampling) -> tuple[str, ...]:
        """The stop strings of a completion: those of `sampling`, and the next turn where a base model may write it."""
        return (*sampling.stop, NEXT_TURN) if self._uses_plain and prompt.messages else sampling.stop

    def written(self, row: list[int], stops: Sequence[str], budget: int) -> Written:
        """The text of new tokens up to the first that ends it, and before the first stop string.

        Other special tokens stay in the text, so that nobody takes it for what it is not.
        """
        length = next((index for index, token in enumerate(row) if token in self._all_ends), len(row))
        text = self.decoded(row[:length])
        stopped = [text[: text.index(stop)] for stop in stops if stop in text]
        complete = length < len(row) or bool(stopped) or len(row) < budget
        return min(stopped, key=len, default=text), length, complete

    def decoded(self, row: Sequence[int]) -> str:
        """The text of new tokens, special tokens among them."""
        return str(self.tokenizer.decode(list(row), skip_special_tokens=False))

    @property
    def first(self) -> int:
        """The token that begins every text."""
        first = self.tokenizer.bos_token_id
        return int(self.tokenizer.eos_token_id if first is None else first)

    @property
    def _uses_plain(self) -> bool:
        return bool(self.tokenizer.chat_template == PLAIN)
