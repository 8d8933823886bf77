"""Read the rows of a source from its files, whatever their format.

A row is a dict of JSON values (text, numbers, booleans, None, lists, dicts), so that its identity can be computed and a
template can render it. All rows are in memory at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
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


def read_rows(place: Path, settings: ReadingPart = AS_FOUND, columns: Collection[str] | None = None) -> SourceRows:
    """The rows of a file, of a folder or of the files that match a pattern, in the order of their names.

    `settings` says how they are read; what it leaves out is recognised by name and content. Of each row only the
    top-level `columns` are read. A row that cannot be read is among the bad ones.

    Raises UserError where a file is missing, damaged or of an unknown format, where all of its rows are bad, and with
    `strict` at the first bad row.
    """
    read = SourceRows()
    asked = Asked(columns)
    for file in source_files(place, settings.format):
        one = SourceRows()
        for row in _rows_of(file, settings, asked):
            if isinstance(row, SourceRow):
                one.rows.append(row)
            elif settings.strict:
                raise UserError(f"{file.folder / row.place}: {row.found}")
            else:
                one.bad.append(row)
        # A file of text is a row itself.
        if one.bad and not one.rows and file.format != "text":
            raise UserError(f"{file.path}: {_none_readable(one.bad)}")
        read.rows += one.rows
        read.bad += one.bad
    if read.bad and not read.rows:
        raise UserError(f"{place}: {_none_readable(read.bad)}")
    read.names = asked.names
    return read


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


def _none_readable(bad: list[BadRow]) -> str:
    return f"none of its {len(bad):,} rows can be read; {bad[0].place}: {bad[0].found}"
