"""A language model behind an endpoint with an OpenAI-compatible API: vLLM, llama.cpp, TGI, LM Studio and others.

API reference: https://platform.openai.com/docs/api-reference/chat/create, /completions/create and /models/list there.

Not covered: no such API reports the hash of its weights, so the hash that the recipe declares cannot be verified. A
server may also add settings to a request, as vLLM does from a model's generation_config.json. Model names must be
exactly equal, so the server of transformers, which answers a request for NAME from NAME@REVISION, is refused.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from typing import Any

import httpx2
from pydantic import BaseModel, ConfigDict, ValidationError

from resources.models.calls import Prompt, Sampling
from warehouse.core.errors import UserError

KEY = "SLINGSHOT_API_KEY"
"""The environment variable with the API key for endpoints; if it is not set, no key is sent."""

IN_FLIGHT = 8
CONNECT_SECONDS = 10.0
CALL_SECONDS = 600.0
"""How many requests wait for an answer at the same time, and for how long at most (our choices)."""

ENDED = ("stop", "eos_token", "stop_sequence")
"""The finish reasons that mean that the text ended by itself: the API's own, and two of TGI."""


class CallFailed(RuntimeError):
    """One request got no usable answer; a retry may help."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="allow")
    id: str


class _Models(BaseModel):
    data: list[_Model]


class _Message(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    text: str | None = None
    message: _Message = _Message()
    finish_reason: str | None = None


class _Usage(BaseModel):
    completion_tokens: int | None = None


class _Response(BaseModel):
    model: str | None = None
    choices: list[_Choice] = []
    usage: _Usage | None = None


class Endpoint:
    """The model that is served as `model` at the base URL `base` (such as http://localhost:8000/v1)."""

    def __init__(self, base: str, model: str, seconds: float = CALL_SECONDS) -> None:
        self.base, self.model = base, model
        self._key = os.environ.get(KEY, "").strip()
        self._timeout = httpx2.Timeout(seconds, connect=CONNECT_SECONDS, pool=None)

    def report(self) -> str:
        """What the endpoint reports about itself and the declared model, on one line.

        Raises UserError if it cannot be reached, lists no models, or does not list the declared one.
        """
        try:
            response = asyncio.run(self._listed())
            entries = {entry.id: entry.model_dump() for entry in _Models.model_validate_json(response.content).data}
        except (CallFailed, ValidationError) as error:
            reason = error if isinstance(error, CallFailed) else f"{self.base}/models lists no models"
            raise UserError(
                f"cannot use the endpoint {self.base}: {reason}; use the base URL of a running server with an "
                "OpenAI-compatible API"
            ) from error
        if self.model not in entries:
            listed = ", ".join(map(repr, sorted(entries))) or "none"
            raise UserError(
                f"the endpoint {self.base} does not serve the declared model {self.model!r}; it reports: {listed}; "
                "put one of these after '#' in the address, with the sha256 and licence of its weights"
            )
        # With some servers "created" is the time of the request, and "permission" does not describe the model.
        reported = {k: v for k, v in entries[self.model].items() if k not in ("object", "created", "permission")}
        if "server" in response.headers:
            reported["server"] = response.headers["server"]
        return f"{self.base} {json.dumps(reported, ensure_ascii=False, sort_keys=True)}"

    def complete(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[tuple[str, int, bool] | CallFailed]:
        """Per prompt, in order: (text, tokens written, whether it ended by itself), or the error.

        The number of tokens is the one that the endpoint reports; if it reports none, the most it may have written.
        Raises UserError if an answer comes from another model than the declared one.
        """
        return asyncio.run(self._completed(prompts, sampling))

    async def _listed(self) -> httpx2.Response:
        async with self._client() as client:
            return await self._ask(client, "GET", "models", timeout=CONNECT_SECONDS)

    async def _completed(
        self, prompts: Sequence[Prompt], sampling: Sampling
    ) -> list[tuple[str, int, bool] | CallFailed]:
        slots = asyncio.Semaphore(IN_FLIGHT)
        async with self._client() as client:

            async def one(prompt: Prompt) -> tuple[str, int, bool] | CallFailed:
                async with slots:
                    try:
                        path = "chat/completions" if prompt.messages else "completions"
                        request = _request(self.model, prompt, sampling)
                        return self._written(await self._ask(client, "POST", path, json=request), sampling)
                    except CallFailed as failed:
                        return failed

            return await asyncio.gather(*map(one, prompts))

    def _client(self) -> httpx2.AsyncClient:
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        return httpx2.AsyncClient(headers=headers, timeout=self._timeout)

    async def _ask(self, client: httpx2.AsyncClient, method: str, path: str, **options: Any) -> httpx2.Response:
        url = f"{self.base}/{path}"
        try:
            response = await client.request(method, url, **options)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise CallFailed(f"{url} does not answer: {self._shortened(str(error) or type(error).__name__)}") from None
        if not response.is_success:
            raise CallFailed(f"{url} answers HTTP {response.status_code}: {self._shortened(response.text)}")
        return response

    def _shortened(self, text: str) -> str:
        """The start of a server's answer, on one line, without the API key, which some servers repeat."""
        hidden = text.replace(self._key, "…") if self._key else text
        return " ".join(hidden.split())[:300] or "an empty text"

    def _written(self, response: httpx2.Response, sampling: Sampling) -> tuple[str, int, bool]:
        try:
            answer = _Response.model_validate_json(response.content)
        except ValidationError:
            raise CallFailed(
                f"{response.url} answers something that is not a completion: {self._shortened(response.text)}"
            ) from None
        if answer.model != self.model:
            found = "an unnamed model" if answer.model is None else repr(answer.model)
            raise UserError(
                f"the endpoint {self.base} answered from {found}, but {self.model!r} is declared and was requested; "
                "the answer is not kept; use a server that answers from the declared model only"
            )
        if not answer.choices:
            raise CallFailed(f"{response.url} answers without a completion: {self._shortened(response.text)}")
        choice = answer.choices[0]
        text = choice.text or choice.message.content or ""
        tokens = answer.usage.completion_tokens if answer.usage else None
        # Some servers leave the stop string in.
        text = text[: min((text.index(stop) for stop in sampling.stop if stop in text), default=len(text))]
        return text, sampling.max_new_tokens if tokens is None else tokens, choice.finish_reason in ENDED


def _request(model: str, prompt: Prompt, sampling: Sampling) -> dict[str, Any]:
    request: dict[str, Any] = {"model": model, "max_tokens": sampling.max_new_tokens}
    request |= {"messages": prompt.chat()} if prompt.messages else {"prompt": prompt.text}
    request["temperature"] = sampling.temperature
    if sampling.temperature > 0:  # the recorded request of a greedy completion has neither
        request |= {"top_p": sampling.top_p, "seed": prompt.seed}
    if sampling.stop:
        request["stop"] = list(sampling.stop)
    return request
