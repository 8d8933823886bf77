"""A local OpenAI-compatible server with a real model, so that tests can run the real endpoint client without a network.

It answers GET /v1/models, POST /v1/chat/completions and POST /v1/completions
(https://platform.openai.com/docs/api-reference). The model computes one request at a time. Not covered: streams,
tools, n > 1.
"""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from resources.models.calls import Prompt, Sampling
from resources.models.language_model import LanguageModel


def without_special_tokens(text: str) -> str:
    """A text as servers return it; a random model writes special tokens anywhere."""
    return re.sub("<unk>|</?s>", "", text)


@dataclass
class Server:
    """Serves the model in `folder`. Tests change the other fields, also while it serves, to make it misbehave.

    `reports`: the model names in /models. `answers_from`: the model name in every answer. `breaks_at`: a request with
    one of these words gets HTTP 500. `delay`: seconds before every answer. The server records the method and path of
    every request in `asked`, the posted bodies in `bodies`, and the authorization headers in `keys`.
    """

    folder: Path
    reports: list[str] = field(default_factory=lambda: ["tiny"])
    answers_from: str | None = "tiny"
    breaks_at: set[str] = field(default_factory=set)
    usage: bool = True
    delay: float = 0.0
    asked: list[str] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: set[str | None] = field(default_factory=set)
    base: str = ""
    in_flight: int = 0
    most_in_flight: int = 0

    def routes(self) -> list[Route]:
        """The routes of the API."""
        return [
            Route("/v1/models", self._models),
            Route("/v1/chat/completions", self._completion, methods=["POST"]),
            Route("/v1/completions", self._completion, methods=["POST"]),
        ]

    @contextmanager
    def serving(self) -> Iterator[Server]:
        """Serve on a free port of 127.0.0.1 until the block ends, and set `base` to the base URL."""
        self.model, self.one_by_one = LanguageModel(self.folder), threading.Lock()
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen()  # a client that connects before the server runs then waits instead of failing
            self.base = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
            server = uvicorn.Server(
                uvicorn.Config(Starlette(routes=self.routes()), log_level="critical", lifespan="off")
            )
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
            thread.start()
            try:
                yield self
            finally:
                server.should_exit = True
                thread.join()

    @property
    def address(self) -> str:
        return f"{self.base}#tiny"

    def posted(self) -> int:
        return sum(line.startswith("POST") for line in self.asked)

    def _note(self, request: Request) -> None:
        self.asked.append(f"{request.method} {request.url.path}")
        self.keys.add(request.headers.get("authorization"))

    async def _models(self, request: Request) -> JSONResponse:
        self._note(request)
        entries = [{"id": name, "object": "model", "created": 1, "owned_by": "slingshot"} for name in self.reports]
        return JSONResponse({"object": "list", "data": entries})

    async def _completion(self, request: Request) -> JSONResponse:
        self._note(request)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await asyncio.sleep(self.delay)
            body = await request.json()
            self.bodies.append(body)
            return await run_in_threadpool(self._answer, body)
        finally:
            self.in_flight -= 1

    def _answer(self, body: dict[str, Any]) -> JSONResponse:
        messages = tuple((message["role"], message["content"]) for message in body.get("messages", ()))
        prompt = Prompt(messages, body.get("prompt", ""), body.get("seed", 0))
        words = " ".join([prompt.text, *(content for _, content in messages)]).split()
        if self.breaks_at & set(words):
            key = sorted(str(key) for key in self.keys)
            return JSONResponse({"error": {"message": f"out of memory for {key}"}}, 500)
        sampling = Sampling(
            body["max_tokens"], body["temperature"], body.get("top_p", 1.0), tuple(body.get("stop", ()))
        )
        with self.one_by_one:
            ((text, tokens, complete),) = self.model.complete([prompt], sampling)
            text = without_special_tokens(text)
        said: dict[str, Any] = {"message": {"role": "assistant", "content": text}} if messages else {"text": text}
        answer = {"model": self.answers_from, "choices": [{**said, "finish_reason": "stop" if complete else "length"}]}
        return JSONResponse(answer | ({"usage": {"completion_tokens": tokens}} if self.usage else {}))


def at_an_endpoint(values: dict[str, Any], address: str) -> None:
    """Reduce the tiny recipe to self-training, with the generator at an endpoint and a local base model."""
    values["models"]["base"] = values["models"]["generator"]
    values["models"]["generator"] = {**values["models"]["base"], "address": address}
    values["training"]["base"] = "base"
    values["generation"] = {"model": "generator", "self_training": values["generation"]["self_training"]}
    values["enhancement"] = {"heuristics": values["enhancement"]["heuristics"]}
    values["curation"] = {"rows": 2}
    values["arms"] = {"self_training": {"methods": ["self_training"], "filters": ["heuristics"]}}
