"""The work of a batch of model calls, as values: a batch can be sent to another process, which loads its own models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from resources.models.calls import Prompt, Sampling
from resources.models.losses import response_of
from resources.models.thoughts import Marks, opens_thought
from resources.tools.batching import timed
from resources.tools.opened import Opening, opened
from resources.tools.workbench import Workbench
from warehouse.store.calls import Answer, Call


def nobody(done: int, tokens: int) -> None:
    """Who watches a batch in another process."""


@dataclass(frozen=True)
class Completing:
    """Completes `prompts`, by the calls' keys; `ended` gets how many have ended, and how many tokens all have.

    `marks` are those of the model's thoughts, where the recipe says them."""

    bench: Workbench
    model: Opening
    prompts: Mapping[str, Prompt]
    sampling: Sampling
    marks: Marks | None = None
    ended: Callable[[int, int], None] = nobody

    def of(self, batch: Sequence[Call]) -> Completing:
        """The work of a part of the calls alone."""
        return replace(self, prompts={call.key: self.prompts[call.key] for call in batch})

    def __call__(self, batch: list[Call]) -> list[Answer]:
        """The answers, in order."""
        asked = [self.prompts[call.key] for call in batch]
        with opened(self.bench, self.model) as writing:
            written, seconds = timed(lambda: writing.complete(asked, self.sampling, self.ended))
            rendered = [writing.texts.render(prompt) for prompt in asked]
        return [
            Answer(
                {"text": text} | ({"opened": True} if opens_thought(read, self.marks) else {}),
                tokens,
                seconds,
                complete=complete,
            )
            for read, (text, tokens, complete) in zip(rendered, written, strict=True)
        ]

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"ended": nobody}


@dataclass(frozen=True)
class Measuring:
    """Measures the loss of each of `texts` (prompt, continuation), by the calls' keys; `ends` as in Reader."""

    bench: Workbench
    model: Opening
    texts: Mapping[str, tuple[Prompt, str]]
    ends: bool = False

    def of(self, batch: Sequence[Call]) -> Measuring:
        """The work of a part of the calls alone."""
        return replace(self, texts={call.key: self.texts[call.key] for call in batch})

    def __call__(self, batch: list[Call]) -> list[Answer]:
        """The answers, in order."""
        with opened(self.bench, self.model) as model:
            measured, seconds = timed(lambda: model.losses([self.texts[call.key] for call in batch], self.ends))
        return [Answer(response_of(loss), tokens, seconds) for loss, tokens in measured]


@dataclass(frozen=True)
class Embedding:
    """Embeds the text of each call with the model `name`."""

    bench: Workbench
    name: str

    def __call__(self, batch: list[Call]) -> list[Answer]:
        """The answers, in order."""
        texts, embedder = [call.request["text"] for call in batch], self.bench.embedder(self.name)
        vectors, seconds = timed(lambda: embedder.embed(texts))
        return [
            Answer({}, len(text.split()), seconds, vector=vector) for text, vector in zip(texts, vectors, strict=True)
        ]
