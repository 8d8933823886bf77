"""What reading a source gives: its rows, and the places where no row could be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

RAW_CHARACTERS = 2000
"""How much of the text of an unreadable row is kept (our choice)."""

_NOTHING: Mapping[str, str] = {}


class SourceRow(NamedTuple):
    """A row as plain JSON values, and where it is, such as "s.jsonl, line 21".

    `unusable` says what was at a path whose value JSON cannot hold, such as {"image.bytes": "bytes"}. The row itself
    has None there.
    """

    content: dict[str, object]
    place: str
    unusable: Mapping[str, str] = _NOTHING


class BadRow(NamedTuple):
    """A place where no row could be read, what was found there, and its text, at most RAW_CHARACTERS of it."""

    place: str
    found: str
    raw: str


@dataclass
class SourceRows:
    """The rows of a source in order, and the bad ones. Every row that came in is in one of the two lists."""

    rows: list[SourceRow] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.rows) + len(self.bad)
