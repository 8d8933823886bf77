"""JSON Lines: one object a line; blank lines are skipped."""

from __future__ import annotations

from collections.abc import Iterator

from assets.sources.reading.files import File
from assets.sources.reading.json_values import Decoder, JsonError
from assets.sources.reading.rows import Asked, BadRow, SourceRow, bad_row
from assets.sources.reading.streams import open_text

EACH_LINE = "each line must be one JSON object"


def json_lines(file: File, encoding: str | None, asked: Asked) -> Iterator[SourceRow | BadRow]:
    """The rows of a file, in order."""
    decoder = Decoder(encoding)
    # Lines end at "\n" alone: other separators, such as U+2028, are allowed inside a JSON text.
    with open_text(file, encoding, newline="\n") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.isspace():
                yield _row(decoder, line.removesuffix("\n"), file.at(f"line {number}"), asked)


def _row(decoder: Decoder, line: str, place: str, asked: Asked) -> SourceRow | BadRow:
    try:
        value = decoder.decode(line)
    except JsonError as error:
        return bad_row(place, error.but(EACH_LINE), line)
    return decoder.row(value, place, asked, line)
