"""What reading a source gives: its rows, and the places where no row could be read."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from warehouse.core.errors import UserError
from warehouse.core.texts import shortened

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
    """The rows of a source in order, and the bad ones. Every row that came in is in one of the two lists.

    `names` has every top-level name of the rows, also those that were not asked for.
    """

    rows: list[SourceRow] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)
    names: dict[str, None] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows) + len(self.bad)


def bad_row(place: str, found: str, raw: str) -> BadRow:
    """A BadRow with a bounded text, in which bytes that are no text are written as in "\\xe9"."""
    text = shortened(raw, RAW_CHARACTERS).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return BadRow(place, found, text)


class Asked:
    """Which top-level columns are read: `columns`, or all for None. `names` has the names of all that were seen."""

    def __init__(self, columns: Collection[str] | None = None) -> None:
        self._columns = None if columns is None else frozenset(columns)
        self.names: dict[str, None] = {}

    def all(self) -> bool:
        """Whether all columns are read."""
        return self._columns is None

    def of(self, row: dict[str, object]) -> dict[str, object]:
        """The asked columns of a row."""
        if not row.keys() <= self.names.keys():
            self.names |= dict.fromkeys(row)
        return row if self._columns is None else {name: row[name] for name in row if name in self._columns}

    def among(self, names: Sequence[str], file: Path) -> list[str]:
        """The asked columns among those of a table. Raises UserError where one of them occurs twice."""
        self.names |= dict.fromkeys(names)
        asked = [name for name in names if self._columns is None or name in self._columns]
        repeated = sorted({name for name in asked if asked.count(name) > 1})
        if repeated:
            raise UserError(f"{file}: found the column {repeated[0]!r} twice, but names must differ")
        return asked
