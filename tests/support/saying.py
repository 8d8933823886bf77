"""A local OpenAI-compatible server that answers from a script, for tests of what a served model may write."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Said = Callable[[dict[str, Any]], tuple[str, str]]
"""From the body of a request to (what the model writes without stop strings, the finish reason)."""


@contextmanager
def saying(said: Said) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """(address of the model, bodies of the requests so far). Stop strings end a text before the first of them."""
    bodies: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            self._send({"object": "list", "data": [{"id": "said", "object": "model"}]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            bodies.append(body)
            text, finish = said(body)
            places = [text.index(stop) for stop in body.get("stop", ()) if stop in text]
            if places:
                text, finish = text[: min(places)], "stop"
            choice: dict[str, Any] = {"index": 0, "finish_reason": finish}
            choice |= {"message": {"role": "assistant", "content": text}} if "messages" in body else {"text": text}
            self._send({"model": "said", "choices": [choice], "usage": {"completion_tokens": len(text.split())}})

        def _send(self, answer: dict[str, Any]) -> None:
            content = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/v1#said", bodies
        finally:
            server.shutdown()
            thread.join()
