"""Token ids of prompts, texts and training examples. A text that looks like a control token is read as text.

Only control tokens that the chat template itself writes are control tokens. Texts without any are tokenized as
transformers does it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from resources.models.calls import Message, Prompt
from resources.models.control_tokens import ControlTokens, control_tokens_of
from resources.models.literal_tokens import LiteralTokens

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class PromptTokens:
    """Tokenizes for the model of `tokenizer`, which has a chat template."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self.tokenizer = tokenizer
        self.control: ControlTokens = control_tokens_of(tokenizer)

    @cached_property
    def _literal(self) -> LiteralTokens:
        return LiteralTokens(self.tokenizer, self.control)

    def written(self, messages: Sequence[Message], answer: bool = True) -> str:
        """The text of messages in the chat template, with the beginning of an answer after them if `answer`."""
        text = self.tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=answer)
        return str(text)

    def of_template(self, text: str) -> list[int]:
        """Ids of a text whose control tokens are meant as such. Adds no others."""
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def of_text(self, text: str) -> list[int]:
        """Ids of a text whose control tokens are text."""
        return self._literal.ids(text) if self.control.found_in(text) else self.of_template(text)

    def of_messages(self, messages: Sequence[Message], answer: bool = True) -> list[int]:
        """Ids of messages in the chat template (see `written`); control tokens in their contents are text."""
        contents = [message["content"] for message in messages]
        if not (self.control.found_in("".join(contents)) or any(map(self._at_border, contents))):
            return self.of_template(self.written(messages, answer))
        literal, hidden = self._literal, _Hidden(self._literal)
        shielded = [message | {"content": hidden.hide(message["content"])} for message in messages]
        return literal.ids(hidden.restore(literal.marked(self.written(shielded, answer))))

    def of_prompt(self, prompt: Prompt) -> list[int]:
        """Ids of what a model reads for a prompt."""
        if prompt.messages:
            return self.of_messages(prompt.chat())
        return self.of_template(prompt.text) if prompt.is_template else self.of_text(prompt.text)

    def example(self, prompt: Prompt, completion: str) -> tuple[list[int], int]:
        """(ids of a training example, how many of them come before the completion). They end as a turn ends.

        As in trl, the completion begins where the ids of the example differ from those of the prompt alone.
        """
        asked = prompt.chat()
        before = self.of_messages(asked)
        whole = self.of_messages([*asked, {"role": "assistant", "content": completion}], answer=False)
        pairs = zip(before, whole, strict=False)
        return whole, next((at for at, (one, other) in enumerate(pairs) if one != other), min(len(before), len(whole)))

    @cached_property
    def _border_parts(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """(ends of control tokens, beginnings of control tokens)."""
        tokens = self.control.tokens
        ends = {token[cut:] for token in tokens for cut in range(1, len(token))}
        return tuple(ends), tuple({token[:cut] for token in tokens for cut in range(1, len(token))})

    def _at_border(self, content: str) -> bool:
        """Whether a template that writes a part of a control token beside the content could complete it."""
        ends, beginnings = self._border_parts
        return any(
            text.startswith(ends) or text.endswith(beginnings) or any(text in token for token in self.control.tokens)
            for text in {content, content.strip()} - {""}
        )


class _Hidden:
    """Hides parts of contents from a chat template and from the search for control tokens, by placeholders."""

    def __init__(self, literal: LiteralTokens) -> None:
        self.literal, self.texts = literal, list[str]()

    def hide(self, content: str) -> str:
        """The content with placeholders for its control tokens, and for the first and the last character.

        Those at the borders could form a control token with what the template writes beside them. Blank space around
        the content stays, because templates strip it.
        """
        core = content.strip()
        if len(core) < 2:
            return content.replace(core, self._placeholder(core)) if core else content
        middle = self.literal.control.pattern.sub(lambda found: self._placeholder(found[0]), core[1:-1])
        hidden = f"{self._placeholder(core[0])}{middle}{self._placeholder(core[-1])}"
        return content.replace(core, hidden)

    def restore(self, text: str) -> str:
        """A text with what its placeholders stand for."""
        first = len(self.literal.control.tokens)
        for number, hidden in enumerate(self.texts, first):
            text = text.replace(self.literal.placeholder(number), hidden)
        return text

    def _placeholder(self, text: str) -> str:
        self.texts.append(text)
        return self.literal.placeholder(len(self.literal.control.tokens) + len(self.texts) - 1)
