"""A writer that says what its script says: stands where pure code expects a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from resources.models.calls import Completion, Prompt, Sampling
from warehouse.core.identity import digest


class Refusal(str):
    """In an error's place: the model has no room for the text."""


Script = Callable[[Prompt], tuple[str, bool, str | None]]


class ScriptedWriter:
    """Says what its script says, and records what it was asked."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.asked: list[tuple[list[Prompt], Sampling]] = []

    def complete(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        self.asked.append((list(prompts), sampling))
        return [
            Completion(text, complete, call_of(prompt), refusal=error)
            if isinstance(error, Refusal)
            else Completion(text, complete, call_of(prompt), error)
            for prompt in prompts
            for text, complete, error in [self.script(prompt)]
        ]


def call_of(prompt: Prompt) -> str:
    return digest([prompt.messages, prompt.text, prompt.seed])


def on_text(script: Callable[[str], tuple[str, bool, str | None]]) -> Script:
    """A script that looks at the last message's text alone."""
    return lambda prompt: script(prompt.messages[-1][1])
