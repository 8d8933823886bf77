"""Files of plain text or Markdown: each file is one row."""

from __future__ import annotations

from assets.sources.reading.files import File, stem
from assets.sources.reading.rows import Asked, BadRow, SourceRow, bad_row
from assets.sources.reading.streams import open_text, wrong_bytes


def text_document(file: File, encoding: str | None, asked: Asked) -> SourceRow | BadRow:
    """The row of a file: its `text`, its name without the suffix as `title`, and its `path` below the source."""
    with open_text(file, encoding, newline=None) as stream:
        text = stream.read()
    if wrong := wrong_bytes(text, encoding):
        return bad_row(file.name, wrong, text)
    row: dict[str, object] = {"text": text, "title": stem(file.path), "path": file.name}
    return SourceRow(asked.of(row), file.name)
