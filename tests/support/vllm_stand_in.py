"""A local server with the parts of vLLM's API that Slingshot asks, and real models behind them.

vLLM itself takes gigabytes; `python -m tests.benchmarks.vllm` runs it. Here prompts are token ids, answers have
`token_ids` and `prompt_logprobs`, and adapters are loaded at `load_lora_adapter`
(https://docs.vllm.ai/en/latest/serving/openai_compatible_server, https://docs.vllm.ai/en/latest/features/lora).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from resources.models.embedder import Embedder
from tests.support.endpoints import Server


@dataclass
class VllmStandIn(Server):
    """Serves the model in `folder` as `reports` says; `embedder` is the folder of an embedding model.

    `loaded` has the folders of adapters by the name of each. `loads` says whether it loads any. A request with a token
    of `breaks_at_tokens` gets HTTP 500.
    """

    embedder: Path | None = None
    loaded: dict[str, str] = field(default_factory=dict)
    loads: bool = True
    breaks_at_tokens: set[int] = field(default_factory=set)

    def routes(self) -> list[Route]:
        """The routes of the API."""
        return [
            Route("/v1/models", self._models),
            Route("/v1/completions", self._posted(self._tokens), methods=["POST"]),
            Route("/v1/embeddings", self._posted(self._embedding), methods=["POST"]),
            Route("/v1/load_lora_adapter", self._posted(self._load), methods=["POST"]),
        ]

    def _posted(self, answer: Callable[[dict[str, Any]], JSONResponse]) -> Any:
        async def endpoint(request: Request) -> JSONResponse:
            self._note(request)
            body = await request.json()
            self.bodies.append(body)
            return await run_in_threadpool(self._locked, answer, body)

        return endpoint

    def _locked(self, answer: Callable[[dict[str, Any]], JSONResponse], body: dict[str, Any]) -> JSONResponse:
        with self.one_by_one:
            return answer(body)

    def _load(self, body: dict[str, Any]) -> JSONResponse:
        name, folder = body["lora_name"], body["lora_path"]
        if not self.loads or not (Path(folder) / "adapter_config.json").is_file():
            return JSONResponse({"error": {"message": f"Loading lora {name} failed: No adapter found"}}, 404)
        self.loaded[name] = folder
        self.reports.append(name)
        return JSONResponse(f"Success: LoRA adapter '{name}' added successfully.")

    def _tokens(self, body: dict[str, Any]) -> JSONResponse:
        ids, name = body["prompt"], body["model"]
        if name not in self.reports:
            return JSONResponse({"error": {"message": f"The model `{name}` does not exist."}}, 404)
        if self.breaks_at_tokens & set(ids):
            return JSONResponse({"error": {"message": "EngineCore encountered an issue."}}, 500)
        adapter = Path(self.loaded[name]) if name in self.loaded else None
        with self.model.with_adapter(adapter) as model, torch.inference_mode():
            choice = self._written(model, body, ids)
            if "prompt_logprobs" in body:
                logits = model.model(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
                said = [{str(one): {"logprob": float(logits[place, one])}} for place, one in enumerate(ids[1:])]
                choice["prompt_logprobs"] = [None, *said]
        return JSONResponse({"model": name, "choices": [choice], "usage": {"completion_tokens": 1}})

    def _written(self, model: Any, body: dict[str, Any], ids: list[int]) -> dict[str, Any]:
        """Tokens up to one that ends the text, or to the first stop string: greedy, or drawn with the seed."""
        ends, stops, written = body.get("stop_token_ids", []), body.get("stop", []), list[int]()
        draw = torch.Generator().manual_seed(body.get("seed", 0) % 2**63)
        while len(written) < body["max_tokens"]:
            logits = model.model(input_ids=torch.tensor([[*ids, *written]])).logits[0, -1]
            if body["temperature"] > 0:
                chances = (logits / body["temperature"]).softmax(-1)
                written.append(int(torch.multinomial(chances, 1, generator=draw)))
            else:
                written.append(int(logits.argmax()))
            text = model.texts.decoded(written)
            if written[-1] in ends or any(stop in text for stop in stops):
                return {"token_ids": written, "text": text, "finish_reason": "stop"}
        return {"token_ids": written, "text": model.texts.decoded(written), "finish_reason": "length"}

    def _embedding(self, body: dict[str, Any]) -> JSONResponse:
        assert self.embedder is not None
        (vector,) = Embedder(self.embedder).embed([body["input"]])
        # Not of unit length, as servers may give it.
        data = [{"index": 0, "embedding": [3 * float(one) for one in vector]}]
        return JSONResponse({"model": body["model"], "data": data, "usage": {"prompt_tokens": 3}})
