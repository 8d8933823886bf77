"""Files that are one JSON document: where the rows are in it. And whether a file is one, or JSON Lines."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from assets.recipe.materials import Format
from assets.sources.reading.files import File
from assets.sources.reading.json_values import Decoder, Doubled, JsonError
from assets.sources.reading.rows import Asked, BadRow, SourceRow, bad_row
from assets.sources.reading.streams import open_text
from assets.sources.reading.values import kind
from warehouse.core.errors import UserError

SHAPES = (
    "a list of objects, an object of objects, an object with exactly one list of objects, or columns (an object of "
    "lists of equal length, or of objects with the keys 0, 1, 2 …) are needed; a row a line is format: jsonl"
)
CHOOSE = "say format: json where the objects are rows, or format: json_columns where they are columns"
ONE_DOCUMENT = "the file must be one JSON document (one object a line is the format jsonl)"

MANY_FIELDS = 20
"""From so many equal keys on, objects of which there are fewer may as well be columns (our choice)."""

_FIRST_LINES = 20


def json_format(file: File, encoding: str | None) -> Format:
    """Whether a file is JSON Lines ("jsonl") or one document ("json"): by its content, and by its name if both fit."""
    with open_text(file, encoding, newline="\n") as lines:
        first = next((line for line in lines if not line.isspace()), "")
        more = any(not line.isspace() for line in lines)
    named_lines = file.format == "jsonl"
    if (more or named_lines) and _is_object(first):
        return "jsonl"
    if named_lines:
        return "json" if _is_document(file, encoding) else "jsonl"
    if more and first.lstrip().startswith("{") and not _is_document(file, encoding):
        with open_text(file, encoding, newline="\n") as lines:
            if any(_is_object(line) for line in islice(lines, _FIRST_LINES)):
                return "jsonl"
    return "json"


def json_document(file: File, encoding: str | None, asked: Asked) -> Iterator[SourceRow | BadRow]:
    """The rows of a document in order. Raises UserError where it is not JSON, or where no rows are in it."""
    decoder = Decoder(encoding)
    value = _decoded(file, encoding, decoder)
    if isinstance(value, Doubled) and not _are_objects([item for _, item in value.pairs]):
        raise UserError(f"{file.path}: found the key {value.names[0]!r} twice in the whole document")
    by_columns = file.format == "json_columns" or (file.by_name and _is_by_columns(file, value))
    items = _items_of_columns(file, value) if by_columns else _items(file, value)
    doubled = value.names if isinstance(value, Doubled) else []
    for name, item in items:
        if name in doubled:
            yield bad_row(file.at(f"row {name!r}"), f"found the key {name!r} twice in the whole document", str(item))
        else:
            yield decoder.row(item, file.at(f"row {name!r}" if isinstance(name, str) else f"item {name}"), asked)


def _decoded(file: File, encoding: str | None, decoder: Decoder) -> Any:
    with open_text(file, encoding, newline="\n") as stream:
        text = stream.read()
    try:
        return decoder.decode(text)
    except JsonError as error:
        raise UserError(f"{file.path}, line {error.line}: {error.but(ONE_DOCUMENT)}") from error


def _items(file: File, value: Any) -> Iterator[tuple[int | str, object]]:
    if isinstance(value, Doubled):
        return iter(value.pairs)
    if isinstance(value, dict):
        if _are_objects(value.values()):
            return iter(value.items())
        lists = [item for item in value.values() if isinstance(item, list) and _are_objects(item)]
        lists = [item for item in lists if item] or lists
        if len(lists) != 1:
            raise UserError(f"{file.path}: found an object with {len(lists)} lists of objects, but {SHAPES}")
        value = lists[0]
    if not isinstance(value, list):
        raise UserError(f"{file.path}: found {kind(value)}, but {SHAPES}")
    return enumerate(value, start=1)


def _is_by_columns(file: File, value: object) -> bool:
    """Whether the values of an object are columns. Raises UserError where they may as well be rows."""
    if not isinstance(value, dict) or isinstance(value, Doubled) or not value:
        return False
    inside = list(value.values())
    if all(isinstance(item, list) for item in inside):
        equal = len({len(item) for item in inside}) == 1 and len(inside[0]) > 0
        of_objects = sum(_are_objects(item) for item in inside)
        if not equal or of_objects == len(inside):
            return False
        if of_objects:
            raise UserError(f"{file.path}: found lists of equal length, {of_objects} of them with objects; {CHOOSE}")
        return True
    if not all(isinstance(item, dict) and item.keys() == inside[0].keys() for item in inside) or not inside[0]:
        return False
    numbered, rows_numbered = _are_positions(inside[0]), _are_positions(value)
    many = len(inside[0]) >= MANY_FIELDS and len(inside[0]) > len(inside)
    if (numbered and rows_numbered) or (many and not numbered and not rows_numbered):
        raise UserError(
            f"{file.path}: found {len(inside):,} objects with the same {len(inside[0]):,} keys, which may be rows or "
            f"columns; {CHOOSE}"
        )
    return numbered


def _items_of_columns(file: File, value: Any) -> Iterator[tuple[int, object]]:
    inside: list[Any] = list(value.values()) if isinstance(value, dict) else [None]
    if not all(isinstance(item, list) for item in inside) and not all(isinstance(item, dict) for item in inside):
        found = "an object of other values" if isinstance(value, dict) else kind(value)
        raise UserError(f"{file.path}: found {found}, but columns are an object of lists, or of objects")
    if not inside or isinstance(inside[0], dict):
        keys = dict.fromkeys(key for item in inside for key in item)
        rows = ({name: item[key] for name, item in value.items() if key in item} for key in keys)
    else:
        lengths = {name: len(item) for name, item in value.items()}
        if len(set(lengths.values())) > 1:
            longest, shortest = max(lengths, key=lengths.__getitem__), min(lengths, key=lengths.__getitem__)
            raise UserError(
                f"{file.path}: found {lengths[longest]:,} values in the column {longest!r} and {lengths[shortest]:,} "
                f"in {shortest!r}, but columns must have equal lengths"
            )
        rows = (dict(zip(value, cells, strict=True)) for cells in zip(*inside, strict=True))
    return enumerate(rows, start=1)


def _are_objects(values: Any) -> bool:
    return all(isinstance(value, dict) for value in values)


def _are_positions(value: dict[str, object]) -> bool:
    """Whether the keys are numbers, as a table has that is written by its columns."""
    return all(key.isascii() and key.isdigit() for key in value)


def _is_object(line: str) -> bool:
    if not line.lstrip().startswith("{"):
        return False
    try:
        return isinstance(Decoder().decode(line), dict)
    except JsonError:
        return False


def _is_document(file: File, encoding: str | None) -> bool:
    with open_text(file, encoding, newline="\n") as stream:
        text = stream.read()
    try:
        return isinstance(Decoder().decode(text), dict | list)
    except JsonError:
        return False
