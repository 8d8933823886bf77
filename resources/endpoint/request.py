"""What is sent to an endpoint for a prompt, and which prompts are not sent.

API reference: https://platform.openai.com/docs/api-reference/chat/create and /completions/create there.
"""

from __future__ import annotations

from typing import Any

from resources.models.calls import Prompt, Sampling
from resources.models.control_forms import control_token


def path_for(prompt: Prompt) -> str:
    """The path of the API that completes the prompt, after the base URL."""
    return "chat/completions" if prompt.messages else "completions"


def request_body(model: str, prompt: Prompt, sampling: Sampling) -> dict[str, Any]:
    """The body of the request. It holds the settings that the memo's key has, and nothing else."""
    request: dict[str, Any] = {"model": model, "max_tokens": sampling.max_new_tokens}
    request |= {"messages": prompt.chat()} if prompt.messages else {"prompt": prompt.text}
    request["temperature"] = sampling.temperature
    if sampling.temperature > 0:  # the recorded request of a greedy completion has neither
        request |= {"top_p": sampling.top_p, "seed": prompt.seed}
    if sampling.stop:
        request["stop"] = list(sampling.stop)
    return request


def refusal(prompt: Prompt) -> str | None:
    """Why the prompt is not sent, None if it is: it holds a control token, and the server would read it as one.

    A server turns the whole prompt into tokens by itself, so a control token in a text cannot be sent as plain text.
    A part of the model's own template, such as Magpie's, is sent: its control tokens are meant as such.
    """
    found = next(filter(None, map(control_token, prompt.contents)), None)
    if found is None:
        return None
    return f"the text holds the control token {found!r}, which an endpoint cannot be sent as plain text"
