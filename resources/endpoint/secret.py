"""The API key, and how it is hidden in everything that a server says. Some servers repeat what they were sent.

Everything from a server passes `Secret` before it is read, recorded or shown: bodies, headers and errors. The key is
found as it is, as a part of it, with its middle masked, and in the encodings that servers and proxies write: base64,
hexadecimal, percent, HTML and JSON. Not covered: the key reversed, encrypted, or cut into parts of fewer than 12
characters.
"""

from __future__ import annotations

import base64
import html
import json
import os
import re
import urllib.parse
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from resources.endpoint.errors import Unusable

KEY = "SLINGSHOT_API_KEY"
"""The environment variable with the API key for endpoints; if it is not set, no key is sent."""

HIDDEN = "…"
PART = 12
"""The fewest characters of a longer key that are hidden where only a part of it is repeated (our choice)."""
LEAST = 8
"""A shorter key is a placeholder, such as EMPTY; an answer that holds that word is kept (our choice)."""


class Secret:
    """The API key of the environment, "" where there is none."""

    def __init__(self, key: str) -> None:
        self.key = key
        if not key.isascii() or not key.isprintable():
            raise Unusable(
                f"{KEY} cannot be sent: it holds a line break or a character outside ASCII; set it to the key alone"
            )

    @staticmethod
    def from_environment() -> Secret:
        """Raises Unusable if the key cannot be sent in a header."""
        return Secret(os.environ.get(KEY, "").strip())

    @property
    def headers(self) -> dict[str, str]:
        """The headers that hold the key."""
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}

    def hidden(self, text: str) -> str:
        """The text with HIDDEN in place of every form of the key."""
        if not self.key:
            return text
        text = self._masked.sub(HIDDEN, text)
        for form in self._forms:
            if form in text:
                text = text.replace(form, HIDDEN)
        # Most texts hold no part, and this look is much faster than the one below.
        return self._parts.sub(HIDDEN, text) if any(part in text for part in self._grams) else text

    def hidden_in(self, value: Any) -> Any:
        """A JSON value with every form of the key hidden in its texts and keys."""
        if isinstance(value, str):
            return self.hidden(value)
        if isinstance(value, dict):
            return {self.hidden(str(name)): self.hidden_in(inside) for name, inside in value.items()}
        return [self.hidden_in(inside) for inside in value] if isinstance(value, list) else value

    def received(self, value: Any) -> Any:
        """A text or a JSON value as it is read from a server: hidden, unless the key is a placeholder."""
        return self.hidden_in(value) if len(self.key) >= LEAST else value

    @cached_property
    def _forms(self) -> list[str]:
        """The key in every encoding, longest first, so that no form leaves the rest of another one behind."""
        return sorted(set(_encoded(self.key)), key=len, reverse=True)

    @cached_property
    def _grams(self) -> list[str]:
        return sorted({form[i : i + PART] for form in self._forms for i in range(len(form) - PART + 1)})

    @cached_property
    def _parts(self) -> re.Pattern[str]:
        """A run of overlapping parts of the key: each character that begins a part, and the last part whole."""
        grams = "|".join(map(re.escape, self._grams))
        return re.compile(rf"(?:(?={grams}).)*(?:{grams})", re.DOTALL)

    @cached_property
    def _masked(self) -> re.Pattern[str]:
        """The start of the key, a mask, and its end, as in sk-a****9xyz."""
        starts = "|".join(re.escape(self.key[:n]) for n in range(len(self.key), 2, -1)) or re.escape(self.key)
        ends = "|".join(re.escape(self.key[n:]) for n in range(len(self.key) - 1)) or re.escape(self.key)
        return re.compile(rf"(?:{starts})(?:(?:[*•·…]{{2,}}|[.xX#_-]{{3,}})(?:{ends})|[*•]{{3,}})")


def _encoded(key: str) -> Iterator[str]:
    yield key
    yield urllib.parse.quote(key, safe="")
    yield urllib.parse.quote_plus(key)
    yield urllib.parse.quote(key, safe="").lower()
    yield "".join(f"%{byte:02X}" for byte in key.encode())
    yield html.escape(key)
    yield json.dumps(key)[1:-1]
    yield json.dumps(key)[1:-1].replace("/", "\\/")
    yield repr(key)[1:-1]
    yield key.encode().hex()
    yield key.encode().hex().upper()
    for before in range(3):
        # Which characters base64 gives depends on how many bytes come before; those at the edges depend on neighbours.
        text = base64.b64encode(bytes(before) + key.encode()).decode().rstrip("=")
        inner = text[-(-before * 8 // 6) : len(text) - ((before + len(key)) % 3 != 0)]
        if len(inner) >= LEAST:
            yield inner
            yield inner.translate(str.maketrans("+/", "-_"))
