"""Read rows from files: JSON, JSON Lines, Parquet, CSV and TSV, each also gzipped.

Whatever the format, a row is a dict of JSON values (text, numbers, booleans, None, lists, dicts), so that its identity
can be computed and a template can render it. The whole file is read into memory.
"""

from __future__ import annotations

import csv
import datetime
import decimal
import gzip
import io
import json
import zlib
from pathlib import Path

import polars as pl

from warehouse.core.errors import UserError

FORMATS = (".json", ".jsonl", ".ndjson", ".parquet", ".csv", ".tsv")

# The csv module's default limit is 131,072 characters a cell, and documents can be longer.
_LONGEST_CELL = 2**31 - 1


def file_rows(path: Path) -> list[dict[str, object]]:
    """The rows of a file, in order. The suffix, one of FORMATS with an optional .gz after it, gives the format.

    - JSON: a list of objects; an object of objects, whose values are the rows (the keys are dropped); or an object with
      exactly one list of objects.
    - JSON Lines: one object a line; blank lines are skipped.
    - CSV and TSV: a header line, then rows with as many cells; every cell is text, and an empty one is "".
    - Parquet: dates and times become ISO 8601 text, decimals and durations become text.

    Raises UserError where the file is missing, damaged, not UTF-8, or contains something other than rows.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    gzipped = suffixes[-1:] == [".gz"]
    format_ = "".join(suffixes[:-1][-1:] if gzipped else suffixes[-1:])
    if format_ not in FORMATS:
        raise UserError(
            f"{path}: found the suffix {format_!r}, but it must be one of {', '.join(FORMATS)}"
            " (each may be followed by .gz)"
        )
    content = _content(path, gzipped)
    if format_ == ".parquet":
        return _parquet_rows(path, content)
    text = _text(path, content)
    if format_ == ".json":
        return _json_rows(path, text)
    if format_ in (".csv", ".tsv"):
        return _table_rows(path, text, "," if format_ == ".csv" else "\t")
    return _json_lines_rows(path, text)


def _content(path: Path, gzipped: bool) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: found no readable file ({error.strerror}), but a source needs one") from error
    if not gzipped:
        return content
    try:
        return gzip.decompress(content)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UserError(f"{path}: found damaged gzip data ({error}), but .gz promises a whole gzip file") from error


def _text(path: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        byte = error.object[error.start]
        raise UserError(f"{path}, line {line}: found the byte 0x{byte:02x}, but the text must be UTF-8") from error


def _json_rows(path: Path, text: str) -> list[dict[str, object]]:
    document = _json_value(path, text, 1, "the file must be one JSON document (one object a line is the format .jsonl)")
    expected = "a list of objects, an object of objects, or an object with exactly one list of objects is needed"
    if isinstance(document, dict):
        values = list(document.values())
        if all(isinstance(value, dict) for value in values):
            return values
        lists = [value for value in values if _is_list_of_objects(value)]
        lists = [value for value in lists if value] or lists
        if len(lists) != 1:
            raise UserError(f"{path}: found an object with {len(lists)} lists of objects, but {expected}")
        document = lists[0]
    if not isinstance(document, list):
        raise UserError(f"{path}: found {_kind(document)}, but {expected}")
    for number, row in enumerate(document, start=1):
        if not isinstance(row, dict):
            raise UserError(f"{path}, item {number}: found {_kind(row)}, but each item must be an object")
    return document


def _json_lines_rows(path: Path, text: str) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    # Not splitlines(): it also splits at U+2028 and the like, which JSON allows inside a string.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        row = _json_value(path, line, number, "each line must be one JSON object")
        if not isinstance(row, dict):
            raise UserError(f"{path}, line {number}: found {_kind(row)}, but each line must be one JSON object")
        rows.append(row)
    return rows


def _json_value(path: Path, text: str, first_line: int, expected: str) -> object:
    try:
        value: object = json.loads(text)
        # Half a surrogate pair is valid JSON, but no database or tokenizer accepts it.
        if "\\ud" in text.lower():
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        line = first_line + error.lineno - 1
        raise UserError(
            f"{path}, line {line}: found invalid JSON ({error.msg}, column {error.colno}), but {expected}"
        ) from error
    except UnicodeEncodeError as error:
        half = f"\\u{ord(error.object[error.start]):04x}"
        raise UserError(
            f"{path}, from line {first_line}: found half a character ({half}), but surrogates come in pairs"
        ) from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}, line {first_line}: found unreadable JSON ({error}), but {expected}") from error
    return value


def _table_rows(path: Path, text: str, delimiter: str) -> list[dict[str, object]]:
    csv.field_size_limit(_LONGEST_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    rows: list[dict[str, object]] = []
    line = 1
    try:
        for cells in reader:
            if cells and header is None:
                header = cells
                repeated = sorted({name for name in header if header.count(name) > 1})
                if repeated:
                    raise UserError(
                        f"{path}, line {line}: found the column {repeated[0]!r} twice, but names must differ"
                    )
            elif cells and header is not None:
                if len(cells) != len(header):
                    raise UserError(
                        f"{path}, line {line}: found {len(cells)} cells, but the header names {len(header)}"
                    )
                rows.append(dict(zip(header, cells, strict=True)))
            line = reader.line_num + 1
    except csv.Error as error:
        raise UserError(
            f"{path}, line {line}: found bad quoting ({error}), but a quote inside a quoted cell is doubled"
        ) from error
    if header is None:
        raise UserError(f"{path}: found no text, but the first line must name the columns")
    return rows


def _parquet_rows(path: Path, content: bytes) -> list[dict[str, object]]:
    try:
        frame = pl.read_parquet(io.BytesIO(content))
    except pl.exceptions.PolarsError as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path}: found damaged data ({reason}), but .parquet promises a Parquet file") from error
    return [{name: _as_json(path, name, value) for name, value in row.items()} for row in frame.to_dicts()]


def _as_json(path: Path, column: str, value: object) -> object:
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, dict):
        return {name: _as_json(path, column, item) for name, item in value.items()}
    if isinstance(value, list):
        return [_as_json(path, column, item) for item in value]
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (decimal.Decimal, datetime.timedelta)):
        return str(value)
    raise UserError(
        f"{path}: found {type(value).__name__} in the column {column!r}, but values must be text or numbers"
    )


def _is_list_of_objects(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _kind(value: object) -> str:
    if value is None:
        return "null"
    names = {dict: "an object", list: "a list", str: "a text", bool: "a boolean"}
    return names.get(type(value), "a number")
