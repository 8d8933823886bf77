"""CSV and its dialects: a header line, then rows with as many cells. Every cell is text, and an empty one is ""."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, TextIO

from assets.recipe.materials import ReadingPart
from assets.sources.reading.files import File
from assets.sources.reading.rows import Asked, BadRow, SourceRow, bad_row
from assets.sources.reading.streams import open_text, wrong_bytes
from warehouse.core.errors import UserError
from warehouse.core.texts import listed

DELIMITERS = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar"}

_SAMPLED_LINES = 200
_FITTING = 0.8
"""The share of the rows that must have as many cells as the header for a delimiter to be recognised (our choice)."""

# The csv module's default limit is 131,072 characters a cell, and documents can be longer.
_LONGEST_CELL = 2**31 - 1


class Table:
    """The rows of a file in order. Raises UserError where no header can be read."""

    def __init__(self, file: File, settings: ReadingPart, asked: Asked) -> None:
        self._file, self._settings, self._asked = file, settings, asked
        self._width = 0
        self._named: re.Match[str] | None = None

    def __iter__(self) -> Iterator[SourceRow | BadRow]:
        csv.field_size_limit(_LONGEST_CELL)
        dialect = self._dialect()
        with open_text(self._file, self._settings.encoding, newline="") as stream:
            lines = _Lines(stream)
            if self._named:
                next(lines)
                lines.start_record()
            reader = csv.reader(lines, strict=True, **dialect)
            self._read_header(reader, lines)
            while True:
                lines.start_record()
                try:
                    cells = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    # The quote may have opened on the first line by mistake. In a table of one column, any line after
                    # it would pass for a row.
                    if self._width > 1:
                        lines.only_first()
                    yield self._bad(lines, _bad_quoting(error))
                    continue
                if cells:
                    yield self._row(cells, lines)

    def _read_header(self, reader: Iterator[list[str]], lines: _Lines) -> None:
        try:
            header = next((cells for cells in reader if cells), None)
        except csv.Error as error:
            raise UserError(f"{self._file.path}, line 1: {_bad_quoting(error)}") from error
        if header is None:
            raise UserError(f"{self._file.path}: found no text, but the first line must name the columns")
        wrong = wrong_bytes("".join(header), self._settings.encoding)
        if wrong:
            raise UserError(f"{self._file.path}, line {lines.first}: {wrong}")
        self._width = len(header)
        # Blank names come from delimiters at the ends of lines.
        blank = header.count("") > 1
        asked = self._asked.among([name for name in header if name or not blank], self._file.path)
        self._indexes = {name: header.index(name) for name in asked}

    def _row(self, cells: list[str], lines: _Lines) -> SourceRow | BadRow:
        if len(cells) != self._width:
            return self._bad(lines, f"found {len(cells)} cells, but the header names {self._width}")
        row: dict[str, object] = {name: cells[index] for name, index in self._indexes.items()}
        for index in self._indexes.values():
            if wrong := wrong_bytes(cells[index], self._settings.encoding):
                return self._bad(lines, wrong)
        return SourceRow(row, self._file.at(f"line {lines.first}"))

    def _bad(self, lines: _Lines, found: str) -> BadRow:
        last = f" to {lines.number}" if lines.number > lines.first else ""
        return bad_row(self._file.at(f"line{'s' if last else ''} {lines.first}{last}"), found, "".join(lines.record))

    def _dialect(self) -> dict[str, Any]:
        """What the csv module needs to know; what the recipe does not say is recognised from the first lines."""
        quote = '"' if self._settings.quote is None else self._settings.quote
        quoting: dict[str, Any] = {"quotechar": quote} if quote else {"quoting": csv.QUOTE_NONE}
        delimiter = self._settings.delimiter
        if delimiter is not None and delimiter == quote:
            raise UserError(f"{self._file.path}: its delimiter and its quote are both {quote!r}, but they must differ")
        if delimiter is None:
            with open_text(self._file, self._settings.encoding, newline="") as stream:
                sample = list(islice(stream, _SAMPLED_LINES))
            # A spreadsheet's way to name the delimiter, on a line of its own.
            self._named = re.fullmatch(r"sep=(.)\r?\n?", sample[0]) if sample else None
            delimiter = self._named[1] if self._named else self._recognised(sample, quoting)
        return {"delimiter": delimiter, **quoting}

    def _recognised(self, sample: Sequence[str], quoting: dict[str, Any]) -> str:
        """The usual delimiter of the format, unless it does not fit the rows and another one does."""
        usual = "\t" if self._file.format == "tsv" else ","
        if _fits(sample, usual, quoting):
            return usual
        others = [other for other in DELIMITERS if other != usual and _fits(sample, other, quoting)]
        if len(others) > 1:
            named = listed([DELIMITERS[other] for other in others])
            raise UserError(f"{self._file.path}: its cells may be divided by {named}; say which by delimiter:")
        return others[0] if others else usual


class _Lines:
    """Lines for the csv module, of which those after the first of a record can be read once more."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._ahead: deque[str] = deque()
        self.number = 0
        self.start_record()

    def start_record(self) -> None:
        """The next line is the first of a record."""
        self.first = self.number + 1
        self.record: list[str] = []

    def only_first(self) -> None:
        """Puts back all lines of the record but the first."""
        rest = self.record[1:]
        self._ahead.extendleft(reversed(rest))
        self.number -= len(rest)
        self.record = self.record[:1]

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._ahead.popleft() if self._ahead else next(self._stream)
        self.number += 1
        self.record.append(line)
        return line


def _fits(sample: Sequence[str], delimiter: str, quoting: dict[str, Any]) -> bool:
    """Whether the first line has several cells, and most rows have as many."""
    counts = [len(cells) for cells in csv.reader(sample, delimiter=delimiter, **quoting) if cells]
    # The sample may end within a row.
    header, *rows = (counts[:-1] if len(sample) == _SAMPLED_LINES else counts) or [0]
    return header > 1 and sum(count == header for count in rows) >= _FITTING * len(rows)


def _bad_quoting(error: csv.Error) -> str:
    return f"found bad quoting ({error}), but a quote inside a quoted cell is doubled"
