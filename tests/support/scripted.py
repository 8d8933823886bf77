"""A writer that answers from a script, for tests of code that expects a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from resources.models.calls import Completion, Prompt, Sampling, TokenLoss
from warehouse.core.identity import digest


class Refusal(str):
    """Used in place of an error: the text exceeds the context."""


Script = Callable[[Prompt], tuple[str, bool, str | None]]


class ScriptedWriter:
    """Answers from its script, and records the prompts."""

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

    def losses(self, texts: Sequence[tuple[Prompt, str]], ends: bool = False) -> list[TokenLoss]:
        raise AssertionError("this model only writes")


def call_of(prompt: Prompt) -> str:
    return digest([prompt.messages, prompt.text, prompt.seed])


def on_text(script: Callable[[str], tuple[str, bool, str | None]]) -> Script:
    """A script that sees only the text of the last message."""
    return lambda prompt: script(prompt.messages[-1][1])
