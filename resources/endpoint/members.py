"""The addresses that serve one model, and whose turn it is: the least busy one that may be asked now."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from resources.endpoint.connection import CONNECT_SECONDS, Connection
from resources.endpoint.errors import Cause, Passing, RowFailed, Unusable
from resources.endpoint.pace import Pace
from warehouse.core.texts import listed, shortened

USE = "use the base URL of a running server with an OpenAI-compatible API"
LOAD = "load_lora_adapter"
"""The path at which vLLM loads an adapter: https://docs.vllm.ai/en/latest/features/lora"""

LOAD_SECONDS = 120.0
"""How long a server may take to load an adapter (our choice)."""

LOAD_ADVICE = (
    "start vLLM as `slingshot serve MODEL` prints it, where the folder is seen under the same name, or leave adapters "
    "out of what the servers give in deployment.yaml"
)

MOST_ENGINE = 1_000
"""The most characters of what a server reports about itself that are recorded (our choice)."""


@dataclass
class Member:
    """One address. `engine` is what it reports about itself and the model, on one line; "" until it was asked.

    `known` says that it serves the model, as far as it is known: a server that was away may have lost it."""

    connection: Connection
    pace: Pace
    engine: str = ""
    known: bool = False
    checking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def check(self, model: str, adapter: str = "") -> None:
        """Asks what the address serves, once until it is in doubt.

        A server without `model` loads it from the folder `adapter`, if there is one. Raises Passing if it cannot say so
        now, and Unusable if it lists no models, or not the declared one, and where it cannot load the adapter.
        """
        async with self.checking:
            if not self.known:
                self.engine = await self._reported(model, adapter)
                self.known = True

    def doubt(self, error: Passing) -> None:
        """Has the address asked again what it serves, where it may have been started again."""
        self.known &= error.cause not in (Cause.BROKEN, Cause.UNREACHABLE)

    async def _reported(self, model: str, adapter: str) -> str:
        base = self.connection.base
        entries, server = await self._listed()
        if adapter and model not in entries:
            await self._load(model, adapter)
            entries, server = await self._listed()
        if model not in entries:
            names = [self.connection.shown(repr(name)) for name in sorted(entries)]
            raise Unusable(
                f"the endpoint {base} does not serve the declared model {model!r}; it reports: "
                f"{listed(names, 20) if names else 'none'}; put one of these after '#' in the address, with the sha256 "
                "and licence of its weights"
            )
        # With some servers "created" is the time of the request, and "permission" does not describe the model.
        reported = {k: v for k, v in entries[model].items() if k not in ("object", "created", "permission")}
        if server:
            reported["server"] = server
        reported = self.connection.secret.hidden_in(reported)
        return shortened(f"{base} {json.dumps(reported, ensure_ascii=True, sort_keys=True)}", MOST_ENGINE)

    async def _listed(self) -> tuple[dict[str, dict[str, Any]], str]:
        """(what the address serves, by name, what it says about its software)."""
        base = self.connection.base
        try:
            reply = await self.connection.ask("GET", "models", CONNECT_SECONDS)
        except (RowFailed, Unusable) as error:
            raise Unusable(f"cannot use the endpoint {base}: {error}; {USE}") from error
        entries = _entries(reply.json)
        if entries is None:
            raise Unusable(f"cannot use the endpoint {base}: {base}/models lists no models; {USE}")
        return entries, reply.server

    async def _load(self, name: str, folder: str) -> None:
        try:
            await self.connection.ask("POST", LOAD, LOAD_SECONDS, {"lora_name": name, "lora_path": folder})
        except (RowFailed, Unusable) as error:
            # Another build may have loaded it just now.
            if name not in (await self._listed())[0]:
                raise Unusable(f"the adapter {folder} cannot be loaded: {error}; {LOAD_ADVICE}") from error


def _entries(answer: Any) -> dict[str, dict[str, Any]] | None:
    """The entries of a list of models by name, None if the answer is no such list."""
    try:
        return {entry["id"]: dict(entry) for entry in answer["data"] if isinstance(entry["id"], str)}
    except (ValueError, TypeError, KeyError):
        return None


class Members:
    """Gives out the places of all addresses, in the order in which they are asked for."""

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = members
        self._waiting: deque[asyncio.Future[Member]] = deque()
        self._alarm: asyncio.TimerHandle | None = None
        self._closed: Passing | None = None

    def close(self, reason: Passing) -> None:
        """Gives out no more places: who waits for one or asks for one later gets `reason` raised."""
        self._closed = reason
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_exception(reason)

    @asynccontextmanager
    async def place(self) -> AsyncIterator[Member]:
        """The address to ask; waits until one is free.

        Whether the block raises Passing decides how many requests the address gets next.
        """
        if self._closed:
            raise self._closed
        turn: asyncio.Future[Member] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._hand_out()
        try:
            member = await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                turn.result().pace.busy -= 1
                self._hand_out()
            raise
        began = time.monotonic()
        try:
            yield member
        except Passing as error:
            now = time.monotonic()
            if error.cause is Cause.UNREACHABLE:
                member.pace.missed(began, now)
            elif error.cause is not Cause.BROKEN:
                member.pace.declined(began, now, error.after)
            raise
        else:
            member.pace.answered(began, time.monotonic())
        finally:
            member.pace.busy -= 1
            self._hand_out()

    def _hand_out(self) -> None:
        now = time.monotonic()
        while self._waiting:
            if self._waiting[0].done():  # cancelled while it waited
                self._waiting.popleft()
                continue
            ready = [one for one in self.members if one.pace.ready(now)]
            if not ready:
                break
            chosen = min(ready, key=lambda one: one.pace.busy / one.pace.limit)
            chosen.pace.busy += 1
            self._waiting.popleft().set_result(chosen)
        self._set_alarm(now)

    def _set_alarm(self, now: float) -> None:
        """Hands out again when the first address that rests may be asked again."""
        if self._alarm:
            self._alarm.cancel()
            self._alarm = None
        resting = [one.pace.free_at for one in self.members if one.pace.free_at > now]
        if self._waiting and resting:
            self._alarm = asyncio.get_running_loop().call_later(min(resting) - now + 0.001, self._hand_out)
