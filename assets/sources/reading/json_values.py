"""JSON values from text, and the rows among them: what plain JSON does not have is absent or makes a row bad."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from assets.sources.reading.rows import Asked, BadRow, SourceRow, bad_row
from assets.sources.reading.streams import wrong_bytes
from assets.sources.reading.values import Unusable, kind, plain, plain_row
from warehouse.core.texts import shortened

DEEPEST = 100
"""How many levels of lists and objects a row may have (ours): what writes rows later goes down by recursion too."""
TOO_DEEP = f"found lists and objects in each other, more than {DEEPEST} levels of them"


# How bytes that are no text are read: see open_text.
_BYTE = re.compile("[\udc80-\udcff]")
_HALF_PAIR = re.compile(r"\\u[dD]")


class JsonError(ValueError):
    """A text that is not JSON, or is nested too deeply. The message says what was found, from which `line` on."""

    def __init__(self, found: str, line: int = 1) -> None:
        super().__init__(found)
        self.line = line

    def but(self, expected: str) -> str:
        """The message with what was expected instead."""
        return str(self) if str(self) == TOO_DEEP else f"{self}, but {expected}"


class Doubled(dict[str, Any]):
    """An object in which keys occur twice. `pairs` has all of its pairs."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.pairs = pairs

    @property
    def names(self) -> list[str]:
        """The keys that occur more than once."""
        names = [name for name, _ in self.pairs]
        return sorted({name for name in names if names.count(name) > 1})


class Decoder:
    """Decodes the texts of a file, and makes rows of parts of the value that was decoded last."""

    def __init__(self, encoding: str | None = None) -> None:
        self._encoding = encoding
        hooks: dict[str, Any] = {
            "object_pairs_hook": self._object,
            "parse_constant": self._constant,
            "parse_float": self._number,
        }
        self._usual = json.JSONDecoder(**hooks)
        self._slow = json.JSONDecoder(parse_int=self._whole_number, **hooks)
        self._may_be_deep: bool | None = None

    def decode(self, text: str) -> Any:
        """The value that a text is. Raises JsonError."""
        self._doubled = self._special = False
        self._wrong_bytes = wrong_bytes(text, self._encoding) is not None
        # Half a surrogate pair is valid JSON, but no database or tokenizer accepts it.
        self._wrong = self._wrong_bytes or _HALF_PAIR.search(text) is not None
        self._text, self._may_be_deep = text, None
        try:
            return self._decoded(text)
        except json.JSONDecodeError as error:
            why = f"found invalid JSON ({error.msg}, column {error.colno})"
            raise JsonError(why, error.lineno) from error
        except RecursionError as error:
            raise JsonError(TOO_DEEP) from error

    def row(self, value: object, place: str, asked: Asked, text: str | None = None) -> SourceRow | BadRow:
        """The row that `value` is, a part of what was decoded last. `text` is what it was read from, where known."""
        if self._is_too_deep(value):
            return _bad(None, place, TOO_DEEP, text)
        if not isinstance(value, dict):
            return _bad(value, place, f"found {kind(value)}, but each row must be a JSON object", text)
        if self._doubled and (names := _doubled_in(value)):
            return _bad(value, place, f"found the key {shortened(names[0], 80)!r} twice in one object", text)
        content = asked.of(value)
        if self._wrong and (wrong := self._wrong_character(content)):
            return _bad(value, place, wrong, text)
        if not self._special:
            return SourceRow(content, place)
        unusable: dict[str, str] = {}
        return SourceRow(plain_row(content, unusable), place, unusable)

    def _is_too_deep(self, value: object) -> bool:
        # Most rows have plain values, and looking for brackets in a long text takes longer than looking at these.
        if isinstance(value, dict) and not any(isinstance(one, dict | list) for one in value.values()):
            return False
        if self._may_be_deep is None:
            self._may_be_deep = self._text.count("[") + self._text.count("{") > DEEPEST
        return self._may_be_deep and _too_deep(value)

    def _decoded(self, text: str) -> Any:
        try:
            return self._usual.decode(text)
        except json.JSONDecodeError:
            raise
        except ValueError:
            # Python reads no whole number of more than 4,300 digits.
            return self._slow.decode(text)

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) < len(pairs):
            self._doubled = True
            return Doubled(pairs)
        return value

    def _constant(self, name: str) -> float:
        self._special = True
        return float(name)

    def _number(self, text: str) -> float | Unusable:
        value = float(text)
        if not math.isinf(value):
            return value
        self._special = True
        return Unusable(f"the number {shortened(text, 20)}, which is out of range")

    def _whole_number(self, text: str) -> int | Unusable:
        try:
            return int(text)
        except ValueError:
            self._special = True
            return Unusable(f"a number of {len(text):,} digits")

    def _wrong_character(self, value: object) -> str | None:
        text = json.dumps(value, ensure_ascii=False)
        wrong = wrong_bytes(text, self._encoding)
        if wrong and not (self._wrong_bytes and _BYTE.search(text)):
            half = next(character for character in text if "\ud800" <= character <= "\udfff")
            return f"found half a character (\\u{ord(half):04x}), but surrogates come in pairs"
        return wrong


def _bad(value: object, place: str, found: str, text: str | None) -> BadRow:
    return bad_row(place, found, json.dumps(_shown(value)) if text is None else text)


def _shown(value: Any) -> Any:
    """A value without what JSON does not have; all pairs of an object with doubled keys, as a list."""
    if isinstance(value, Doubled):
        return [[name, _shown(item)] for name, item in value.pairs]
    if isinstance(value, dict):
        return {name: _shown(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_shown(item) for item in value]
    return plain(value, "", {})


def _doubled_in(row: object) -> list[str]:
    return next((value.names for value in _containers(row) if isinstance(value, Doubled)), [])


def _containers(value: object) -> Iterator[object]:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict | list):
            yield one
            waiting += one.values() if isinstance(one, dict) else one


def _too_deep(value: object) -> bool:
    level: list[Any] = [value] if isinstance(value, dict | list) else []
    for _ in range(DEEPEST + 1):
        level = [
            item
            for one in level
            for item in (one.values() if isinstance(one, dict) else one)
            if isinstance(item, dict | list)
        ]
        if not level:
            return False
    return True
