"""What is sent to an endpoint, what is read of its answer, and which prompts are not sent.

API reference: https://platform.openai.com/docs/api-reference/chat/create and /completions/create there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from resources.endpoint.answer import Written, written
from resources.endpoint.errors import RowFailed
from resources.models.calls import Prompt, Sampling
from resources.models.control_forms import control_token
from warehouse.store.calls import Answer


class Outcome(Protocol):
    """What an endpoint answered."""

    def answer(self, seconds: float, engine: str) -> Answer:
        """It, as the memo records it."""
        ...


class Request(Protocol):
    """One request to an endpoint."""

    @property
    def path(self) -> str:
        """The path of the API, after the base URL."""
        ...

    def body(self, model: str) -> dict[str, Any]:
        """What is posted, for the model that is served under this name."""
        ...

    def read(self, answer: Mapping[str, Any], model: str) -> Outcome:
        """What the answer says. Raises RowFailed where it is none."""
        ...


@dataclass(frozen=True)
class Arrived:
    """What came of the request number `index`; `engine` is what the address that answered reports about itself."""

    index: int
    outcome: Outcome | RowFailed
    engine: str


@dataclass(frozen=True)
class PromptRequest:
    """The completion of a prompt that the server turns into tokens."""

    prompt: Prompt
    sampling: Sampling

    @property
    def path(self) -> str:
        """The path of the API, after the base URL."""
        return "chat/completions" if self.prompt.messages else "completions"

    def body(self, model: str) -> dict[str, Any]:
        """What is posted. It holds the settings that the memo's key has, and nothing else."""
        prompt, sampling = self.prompt, self.sampling
        request: dict[str, Any] = {"model": model, "max_tokens": sampling.max_new_tokens}
        request |= {"messages": prompt.chat()} if prompt.messages else {"prompt": prompt.text}
        request["temperature"] = sampling.temperature
        if sampling.temperature > 0:  # the recorded request of a greedy completion has neither
            request |= {"top_p": sampling.top_p, "seed": prompt.seed}
        if sampling.stop:
            request["stop"] = list(sampling.stop)
        return request

    def read(self, answer: Mapping[str, Any], model: str) -> Written:
        """The completion. Raises RowFailed where there is none."""
        return written(answer, model, self.sampling)


def refusal(prompt: Prompt) -> str | None:
    """Why the prompt is not sent, None if it is: it holds a control token, and the server would read it as one.

    A server turns the whole prompt into tokens by itself, so a control token in a text cannot be sent as plain text.
    A part of the model's own template, such as Magpie's, is sent: its control tokens are meant as such.
    """
    found = next(filter(None, map(control_token, prompt.contents)), None)
    if found is None:
        return None
    return f"the text holds the control token {found!r}, which an endpoint cannot be sent as plain text"
