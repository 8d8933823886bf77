"""Read the rows of a source from its files, whatever their format.

A row is a dict of JSON values (text, numbers, booleans, None, lists, dicts), so that its identity can be computed and a
template can render it. Files are read row by row, except that a JSON document, and a compressed Parquet or Arrow file,
is in memory as a whole.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from assets.recipe.materials import ReadingPart
from assets.sources.reading.columnar import Columnar
from assets.sources.reading.files import File, source_files
from assets.sources.reading.json_documents import json_document, json_format
from assets.sources.reading.json_lines import json_lines
from assets.sources.reading.rows import Asked, BadRow, SourceRow, SourceRows
from assets.sources.reading.tables import Table
from assets.sources.reading.text_documents import text_document
from warehouse.core.errors import UserError

AS_FOUND = ReadingPart()


class Reading:
    """The rows of a file, of a folder or of the files that match a pattern, in the order of their names, and the places
    where no row could be read. Each iteration reads the files again.

    `settings` says how they are read; what it leaves out is recognised by name and content. Of each row only the
    top-level `columns` are read. `names` has the top-level names of the rows that were read so far.

    An iteration raises UserError where a file is missing, damaged or of an unknown format, where all of its rows are
    bad, and with `strict` at the first bad row.
    """

    def __init__(self, place: Path, settings: ReadingPart = AS_FOUND, columns: Collection[str] | None = None) -> None:
        self._place, self._settings, self._asked = place, settings, Asked(columns)

    @property
    def names(self) -> dict[str, None]:
        """Every top-level name of the rows so far, also those that were not asked for."""
        return self._asked.names

    def __iter__(self) -> Iterator[SourceRow | BadRow]:
        everywhere = _Seen()
        for file in source_files(self._place, self._settings.format):
            here = _Seen()
            for row in _rows_of(file, self._settings, self._asked):
                if isinstance(row, SourceRow):
                    here.rows += 1
                elif self._settings.strict:
                    raise UserError(f"{file.folder / row.place}: {row.found}")
                else:
                    here.add(row)
                yield row
            # A file of text is a row itself.
            if file.format != "text":
                here.check(file.path)
            everywhere.rows += here.rows
            everywhere.bad += here.bad
            everywhere.first = everywhere.first or here.first
        everywhere.check(self._place)


def read_rows(place: Path, settings: ReadingPart = AS_FOUND, columns: Collection[str] | None = None) -> SourceRows:
    """All rows of a Reading at once. Raises what its iteration raises."""
    reading, read = Reading(place, settings, columns), SourceRows()
    for row in reading:
        if isinstance(row, SourceRow):
            read.rows.append(row)
        else:
            read.bad.append(row)
    read.names = reading.names
    return read


@dataclass
class _Seen:
    """How many rows and bad rows there were, and the first bad one."""

    rows: int = 0
    bad: int = 0
    first: BadRow | None = None

    def add(self, bad: BadRow) -> None:
        self.bad += 1
        self.first = self.first or bad

    def check(self, where: Path) -> None:
        if self.first and not self.rows:
            found = f"none of its {self.bad:,} rows can be read; {self.first.place}: {self.first.found}"
            raise UserError(f"{where}: {found}")


def _rows_of(file: File, settings: ReadingPart, asked: Asked) -> Iterable[SourceRow | BadRow]:
    for key in ("delimiter", "quote", "encoding"):
        known = ("csv", "tsv") if key != "encoding" else ("csv", "tsv", "json", "jsonl", "json_columns", "text")
        if getattr(settings, key) is not None and file.format not in known:
            raise UserError(f"{file.path}: the source sets {key}, which the format {file.format} does not have")
    if file.by_name and file.format in ("json", "jsonl"):
        file = replace(file, format=json_format(file, settings.encoding))
    if file.format == "jsonl":
        return json_lines(file, settings.encoding, asked)
    if file.format in ("json", "json_columns"):
        return json_document(file, settings.encoding, asked)
    if file.format in ("csv", "tsv"):
        return Table(file, settings, asked)
    if file.format == "text":
        return [text_document(file, settings.encoding, asked)]
    return Columnar(file, asked)
