"""Read a source: its rows, and what could not be read."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from assets.recipe.materials import ReadingPart
from assets.sources.reading.formats import file_rows
from assets.sources.reading.rows import SourceRow, SourceRows

AS_FOUND = ReadingPart()


def read_rows(path: Path, settings: ReadingPart = AS_FOUND, columns: Collection[str] | None = None) -> SourceRows:
    """The rows of a source, in order. Of each row only the top-level `columns` are read, or all for None.

    Raises UserError where the source has a structure that cannot be read.
    """
    rows = []
    for number, row in enumerate(file_rows(path), start=1):
        content = row if columns is None else {name: value for name, value in row.items() if name in columns}
        rows.append(SourceRow(content, f"{path.name}, row {number}"))
    return SourceRows(rows)
