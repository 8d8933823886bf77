"""A local server with an OpenAI-compatible API that misbehaves as a test asks: in what it answers, how, and when.

It runs no model. A test gives `answer`, which gets each posted request and returns a Said. It speaks HTTP by itself,
so that it can also break the protocol: cut an answer, drip it, or reset the connection.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

RESET = b"reset"


@dataclass
class Asked:
    """A posted request: its number (from 1), its text (the last message, or the prompt), its headers, and its path."""

    number: int
    text: str
    headers: dict[str, str]
    path: str


@dataclass
class Said:
    """What the server does: waits `delay` seconds, then sends `status`, `headers` and `body`.

    `body` is JSON or bytes; RESET breaks the connection. With `cut`, only so many bytes of the body are sent. With
    `drip`, one blank is sent every `drip` seconds for ever, instead of the body.
    """

    body: Any = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    cut: int | None = None
    drip: float = 0.0


def completion(text: object = "A good answer.", ending: str = "stop", **changes: Any) -> dict[str, Any]:
    """The JSON of a completion by the model "tiny"; `changes` replace keys of it."""
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": ending}
    return {"model": "tiny", "choices": [choice], "usage": {"completion_tokens": 5}} | changes


@dataclass
class OddServer:
    """Serves the model "tiny". `models` is the entry that /models lists for it, beside its id."""

    answer: Callable[[Asked], Said] = lambda asked: Said(completion(f"An answer to {asked.text}"))
    models: Callable[[Asked], Said] = lambda asked: Said({"data": [{"id": "tiny", "object": "model"}]})
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    in_flight: int = 0
    most_in_flight: int = 0
    base: str = ""

    @contextmanager
    def serving(self, port: int = 0) -> Iterator[OddServer]:
        """Serve on a free port of 127.0.0.1, or on `port`, until the block ends, and set `base` to the base URL."""
        loop = asyncio.new_event_loop()
        ready = threading.Event()
        tasks: set[asyncio.Task[None]] = set()

        async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            tasks.add(asyncio.current_task())  # type: ignore[arg-type]
            self.connections += 1
            with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                while await self._served(reader, writer):
                    pass
            writer.close()

        async def main() -> asyncio.Server:
            server = await asyncio.start_server(one, "127.0.0.1", port, backlog=1024)
            self.base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
            return server

        def run() -> None:
            asyncio.set_event_loop(loop)
            server = loop.run_until_complete(main())
            ready.set()
            loop.run_forever()
            server.close()
            for task in tasks:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            loop.close()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        ready.wait()
        try:
            yield self
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()

    @property
    def address(self) -> str:
        """The address of the model in a recipe."""
        return f"{self.base}#tiny"

    async def _served(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answers one request; whether the connection stays open."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        path = head[0].split()[1]
        if path.endswith("/models"):
            return await self._say(writer, self.models(Asked(0, "", headers, path)))
        request = json.loads(body)
        text = request["messages"][-1]["content"] if "messages" in request else request["prompt"]
        asked = Asked(len(self.asked) + 1, text, headers, path)
        self.asked.append(asked)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return await self._say(writer, self.answer(asked))
        finally:
            self.in_flight -= 1

    async def _say(self, writer: asyncio.StreamWriter, said: Said) -> bool:
        await asyncio.sleep(said.delay)
        if said.body == RESET:
            linger = (1).to_bytes(4, "little") + (0).to_bytes(4, "little")
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()
            return False
        body = said.body if isinstance(said.body, bytes) else json.dumps(said.body).encode()
        length = {"transfer-encoding": "chunked"} if said.drip else {"content-length": str(len(body))}
        lines = [f"HTTP/1.1 {said.status} X", *(f"{name}: {value}" for name, value in (length | said.headers).items())]
        writer.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n")
        while said.drip:
            writer.write(b"1\r\n \r\n")
            await writer.drain()
            await asyncio.sleep(said.drip)
        writer.write(body[: said.cut])
        await writer.drain()
        return said.cut is None
