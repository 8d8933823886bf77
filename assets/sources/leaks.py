"""Find rows that hold the text of a benchmark item, compared as `units` compares: this tells no paraphrase.

A row holds the text of an item (all three rules are ours)
1. if its instruction, its response or a document is the item's instruction;
2. if one of its texts contains the item's instruction whole, or is equal to it, and the instruction has at least 20
   letters. An item with an input is found only where the row has the input as well;
3. if its instruction, its response or a document is the item's reference, and the reference has at least 30 letters.
   A shorter one counts only as the response to a text that contains the item's instruction: many rows have the answer
   "Positive", "4" or "Yes." by chance.

A wide letter (Chinese, Japanese, Korean) counts as two, and one of a script that leaves vowels out (Arabic, Hebrew) as
one and a half, since they say about as much.

Worked example: the item "What is 5 - 3?" with the reference "2" is found in "Tell me: what is 5 - 3" with the response
"2.", but neither in "What is 5 + 3?" nor in "How many moons has Mars?" with the response "2".
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import polars as pl

from assets.sources.suspects import Suspects
from warehouse.core.comparing import units
from warehouse.core.texts import normalized

REASON = "text of a benchmark item"
LEAST_INSTRUCTION, LEAST_REFERENCE = 20, 30
"""The letters of an instruction that is found inside other texts, and of a reference that is found alone."""

ANSWERS = ("response", "text")
"""The texts of a row that are compared with references."""

_START = 4
"""How many units at the start of a text are looked up first. Longer starts are rarer, shorter ones find more texts."""

Units = tuple[str, ...]


class Leaks:
    """The texts of benchmark items (columns instruction, reference and, where there are any, id and input)."""

    def __init__(self, items: pl.DataFrame) -> None:
        self._instructions, self._inputs = _Parts(), _Parts()
        self._by_instruction: dict[Units, str] = {}
        self._by_input: dict[tuple[Units, Units], str] = {}
        self._by_reference: dict[tuple[Units, Units], str] = {}
        self._by_long_reference: dict[Units, str] = {}
        for place, row in enumerate(items.iter_rows(named=True)):
            name = row.get("id", str(place))
            asked, given, answer = (_units(row.get(key)) for key in ("instruction", "input", "reference"))
            if asked:
                self._instructions.add(asked)
                self._by_instruction.setdefault(asked, name)
                self._by_reference.setdefault((asked, answer), name)
                if letters(asked) + letters(given) >= LEAST_INSTRUCTION:
                    self._inputs.add(given)
                    self._by_input.setdefault((asked, given), name)
            if letters(answer) >= LEAST_REFERENCE:
                self._by_long_reference.setdefault(answer, name)

    @property
    def runs(self) -> Iterator[Units]:
        """Every row that holds text of an item holds one of these whole."""
        yield from self._by_instruction
        yield from self._by_long_reference

    @cached_property
    def _suspects(self) -> Suspects:
        return Suspects(self.runs)

    def holding(self, rows: pl.DataFrame) -> int:
        """How many rows hold text of an item; the columns are those of a row in `item`."""
        suspects = rows.filter(self._suspects.among(rows))
        return sum(self.item(row) is not None for row in suspects.iter_rows(named=True))

    def item(self, row: Mapping[str, Any]) -> str | None:
        """The id of the first item whose text a row (instruction, input, response or text) holds; None if none."""
        texts = {name: _units(row[name]) for name in ("instruction", "input", *ANSWERS) if row.get(name)}
        equal = [texts[name] for name in ("instruction", *ANSWERS) if texts.get(name)]
        if item := next(filter(None, map(self._by_instruction.get, equal)), None):
            return item
        inside = {name: list(self._instructions.inside(text)) for name, text in texts.items()}
        asked = [part for parts in inside.values() for part in parts]
        given = [(), *(part for text in texts.values() for part in self._inputs.inside(text))] if asked else []
        before = [part for name, parts in inside.items() if name not in ANSWERS for part in parts]
        answers = [texts[name] for name in ANSWERS if texts.get(name)]
        found = [
            *(self._by_input.get((one, other)) for one in asked for other in given),
            *(self._by_reference.get((one, answer)) for one in before for answer in answers),
            *map(self._by_long_reference.get, equal),
        ]
        return next(filter(None, found), None)


class _Parts:
    """Finds which of many sequences of units are a part of a longer one."""

    def __init__(self) -> None:
        self._known: dict[Units, dict[int, set[Units]]] = {}
        self._starts: set[int] = set()
        self._first: set[str] = set()

    def add(self, part: Units) -> None:
        if part:
            start = part[:_START]
            self._starts.add(len(start))
            self._first.add(part[0])
            self._known.setdefault(start, {}).setdefault(len(part), set()).add(part)

    def inside(self, text: Units) -> Iterator[Units]:
        """The known sequences that are a part of `text`, in its order."""
        starts, first = sorted(self._starts), self._first
        for place, unit in enumerate(text):
            # Most places are told by their first unit alone, which is much faster.
            for start in starts if unit in first else ():
                for length, known in self._known.get(text[place : place + start], {}).items():
                    if (part := text[place : place + length]) in known:
                        yield part


def letters(text: Sequence[str]) -> int:
    """How many letters, vowel signs and digits a text in units has, with the weights above; rounded down."""
    return sum(_halves(char) for unit in text if unit[0].isalnum() for char in unit) // 2


def _halves(char: str) -> int:
    if unicodedata.east_asian_width(char) in "WF":
        return 4
    return 3 if unicodedata.bidirectional(char) in ("R", "AL") else 2


def _units(text: str | None) -> Units:
    """The units of a text; without any, such as "...", the text as it is compared."""
    return tuple(units(text or "") or filter(None, [normalized(text or "")]))
