"""One request to an endpoint: sent, answered within a deadline and a size, and its failure put into one of three kinds.

No redirect is followed, and no proxy or password of the environment (HTTPS_PROXY, .netrc) is used: each would send
the API key and the prompts to another host than the recipe names.
"""

from __future__ import annotations

import asyncio
import email.utils
import json
import logging
import time
import zlib
from dataclasses import dataclass
from typing import Any

import httpx2

from resources.endpoint.errors import Cause, Passing, RowFailed, Unusable
from resources.endpoint.secret import Secret
from warehouse.core.texts import on_one_line, shortened

CONNECT_SECONDS = 10.0
"""How long to wait for a connection (our choice)."""

MOST_SHOWN = 300
"""The most characters of a server's answer in a message."""

_ERROR_BYTES = 65_536

_PASSING = {
    **dict.fromkeys((425, 429, 503, 529), Cause.BUSY),
    **dict.fromkeys((408, 504, 524), Cause.LATE),
    **dict.fromkeys((502, 520, 521, 522, 523), Cause.BROKEN),
}
"""The statuses of a condition that passes: RFC 9110, RFC 6585, and those of Cloudflare (52x) and Anthropic (529)."""

_UNUSABLE = (401, 402, 403, 404, 405, 407, 410, 501, 505)


@dataclass(frozen=True)
class Reply:
    """A successful answer, with the API key hidden: its JSON (None if it is none), its text, and its `server` header.

    `revealed`: the key was in the JSON.
    """

    json: Any
    text: str
    server: str
    revealed: bool


class Connection:
    """Sends requests to the base URL `base` (such as http://localhost:8000/v1) through `client`."""

    def __init__(self, base: str, client: httpx2.AsyncClient, secret: Secret, answer_bytes: int) -> None:
        self.base, self.client, self.secret, self.answer_bytes = base, client, secret, answer_bytes

    async def ask(self, method: str, path: str, seconds: float, body: Any = None) -> Reply:
        """A successful answer. Raises Passing, Unusable or RowFailed."""
        url = f"{self.base}/{path}"
        try:
            async with asyncio.timeout(seconds):
                return await self._asked(method, url, body)
        except TimeoutError:
            raise Passing(f"{url} gave no whole answer within {seconds:g} s", Cause.LATE) from None
        except httpx2.ConnectTimeout:
            said = f"{url} does not answer: no connection within {CONNECT_SECONDS:g} s"
            raise Passing(said, Cause.UNREACHABLE) from None
        except httpx2.ConnectError as error:
            said = f"{url} does not answer: {self._said(error)}"
            if "SSL" in str(error) or "CERTIFICATE" in str(error).upper():
                raise Unusable(f"{said}; use a server with a valid certificate") from None
            raise Passing(said, Cause.UNREACHABLE) from None
        except httpx2.RemoteProtocolError as error:
            said = f"{url} does not answer: {self._said(error)}"
            if "disconnected" in str(error) or "closed" in str(error):
                raise Passing(said, Cause.BROKEN) from None
            raise RowFailed(said) from None
        except (httpx2.NetworkError, httpx2.TimeoutException) as error:
            raise Passing(f"{url} does not answer: {self._said(error)}", Cause.BROKEN) from None
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise Unusable(f"{url} cannot be asked: {self._said(error)}") from None

    async def _asked(self, method: str, url: str, body: Any) -> Reply:
        async with self.client.stream(method, url, json=body) as response:
            status = response.status_code
            data, whole = await _read(response, self.answer_bytes if response.is_success else _ERROR_BYTES)
            if response.is_success and not whole:
                raise RowFailed(f"{url} answers more than {self.answer_bytes} bytes; see endpoint.answer_bytes")
            # Bytes that are not UTF-8 stay recognizable: they fail the row if they are in its text.
            received = data.decode("utf-8", "surrogateescape")
            text = self.secret.received(received)
            if response.is_success:
                if "html" in response.headers.get("content-type", ""):
                    raise Unusable(f"{url} answers with a web page: {self.shown(text)}")
                server = self.secret.hidden(response.headers.get("server", ""))
                value, revealed = self._json(received)
                return Reply(value, text, server, revealed)
            said = f"{url} answers HTTP {status}: {self.shown(text)}"
            if status in _PASSING:
                raise Passing(said, _PASSING[status], seconds_to_wait(response.headers.get("retry-after")))
            if response.is_redirect:
                raise Unusable(f"{url} answers HTTP {status}, a redirect, which is not followed")
            if status in _UNUSABLE:
                raise Unusable(said)
            raise RowFailed(said)

    def _json(self, text: str) -> tuple[Any, bool]:
        """(the JSON in a text, with the API key hidden, whether the key was in it)."""
        try:
            # Hidden after it is parsed: JSON's escapes can spell the key, and can be cut where the key is cut out.
            value = json.loads(text)
            hidden = self.secret.received(value)
        except (ValueError, RecursionError):
            return None, False
        return hidden, hidden != value

    def shown(self, text: str) -> str:
        """The start of what a server said, on one line, without the API key and with control characters escaped."""
        line = shortened(on_one_line(self.secret.hidden(text)), MOST_SHOWN)
        return "".join(one if one.isprintable() else repr(one)[1:-1] for one in line) or "an empty text"

    def _said(self, error: Exception) -> str:
        return self.shown(str(error) or type(error).__name__)


async def _read(response: httpx2.Response, most: int) -> tuple[bytes, bool]:
    """(the body, at most `most` bytes of it after decompression, whether that is all of it).

    Reading stops there, so a body that is endless, or small and grows large, takes no more memory than that.
    """
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("identity", "", "gzip", "x-gzip", "deflate"):
        raise RowFailed(f"{response.url} answers in the encoding {coding[:40]!r}, which was not asked for")
    inflate = None if coding in ("identity", "") else zlib.decompressobj(wbits=47)
    parts, size, read = [], 0, 0
    async for piece in response.aiter_raw():
        read += len(piece)
        try:
            part = piece if inflate is None else inflate.decompress(piece, most - size + 1)
        except zlib.error as error:
            raise RowFailed(f"{response.url} answers with damaged {coding}: {error}") from None
        size += len(part)
        parts.append(part)
        if size > most or read > most:
            return b"".join(parts)[:most], False
    return b"".join(parts), True


def seconds_to_wait(header: str | None) -> float | None:
    """The seconds of a `Retry-After` header, which is a number or a date (RFC 9110, 10.2.3); None if it is neither."""
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(header).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return seconds if 0 <= seconds < float("inf") else None


def new_client(secret: Secret, most: int) -> httpx2.AsyncClient:
    """A client that keeps up to `most` connections open and uses them again."""
    # At the level DEBUG it logs all headers of a server, which may repeat the key.
    logging.getLogger("httpcore2").setLevel(logging.INFO)
    return httpx2.AsyncClient(
        headers={"Accept-Encoding": "gzip, deflate", **secret.headers},
        timeout=httpx2.Timeout(None, connect=CONNECT_SECONDS),
        limits=httpx2.Limits(max_connections=most, max_keepalive_connections=most),
        # Certificates of the environment (SSL_CERT_FILE) are used; proxies and passwords of the environment are not.
        verify=httpx2.create_ssl_context(),
        trust_env=False,
        follow_redirects=False,
    )
