"""Parquet, and Arrow as a file (Feather) or as a stream. Only the columns that are asked for are read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import repeat
from typing import Any

from assets.sources.reading.files import COMPRESSIONS, File
from assets.sources.reading.rows import Asked, BadRow, SourceRow, bad_row
from assets.sources.reading.streams import open_bytes
from assets.sources.reading.values import Unusable, plain
from warehouse.core.errors import UserError
from warehouse.core.texts import on_one_line, shortened

_IPC_FILE = b"ARROW1"
_BATCH = 8192


class Columnar:
    """The rows of a file in order. Raises UserError where the file is damaged."""

    def __init__(self, file: File, asked: Asked) -> None:
        self._file, self._asked = file, asked

    def __iter__(self) -> Iterator[SourceRow | BadRow]:
        import pyarrow as pa

        number = 0
        promised = "Parquet" if self._file.format == "parquet" else "Arrow"
        try:
            with self._opened() as source:
                for table, count in self._parquet(source) if self._file.format == "parquet" else self._arrow(source):
                    for row in self._rows(table, count, number + 1):
                        number += 1
                        yield row
        except (pa.ArrowException, OSError, ValueError) as error:
            reason = shortened(on_one_line(str(error)), 200)
            why = f"found damaged data ({reason}), but it should be a whole {promised} file"
            raise UserError(f"{self._file.path}: {why}") from error

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        import pyarrow as pa

        if self._file.suffix in COMPRESSIONS:
            with open_bytes(self._file) as stream:
                yield pa.BufferReader(stream.read())
        else:
            with open_bytes(self._file), pa.OSFile(str(self._file.path)) as opened:
                yield opened

    def _parquet(self, source: Any) -> Iterator[Any]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        opened = pq.ParquetFile(source)
        asked = self._asked.among(opened.schema_arrow.names, self._file.path)
        if not asked:
            yield pa.table({}), opened.metadata.num_rows
            return
        for batch in opened.iter_batches(_BATCH, columns=asked):
            # A name with a dot also selects a part of another column.
            yield batch.select(asked), batch.num_rows

    def _arrow(self, source: Any) -> Iterator[Any]:
        import pyarrow as pa

        start = source.read(len(_IPC_FILE))
        source.seek(0)
        options = pa.ipc.IpcReadOptions(ensure_native_endian=True)
        if start == _IPC_FILE:
            opened = pa.ipc.open_file(source, options=options)
            batches = (opened.get_batch(index) for index in range(opened.num_record_batches))
        else:
            batches = opened = pa.ipc.open_stream(source, options=options)
        asked = self._asked.among(opened.schema.names, self._file.path)
        for batch in batches:
            yield batch.select(asked), batch.num_rows

    def _rows(self, table: Any, count: int, first: int) -> Iterator[SourceRow | BadRow]:
        columns = [table.column(index) for index in range(table.num_columns)]
        names = table.schema.names
        others = [name for name, column in zip(names, columns, strict=True) if not _holds_json(column)]
        cells = zip(*map(_cells, columns), strict=True) if columns else repeat((), count)
        for number, row in enumerate(cells, start=first):
            content, place = dict(zip(names, row, strict=True)), self._file.at(f"row {number:,}")
            yield _checked(content, others, place) if others else SourceRow(content, place)


def _checked(row: dict[str, Any], others: list[str], place: str) -> SourceRow | BadRow:
    """The row with JSON values in the `others` columns too."""
    unusable: dict[str, str] = {}
    for name in others:
        if isinstance(value := row[name], _Unreadable):
            shown = ", ".join(f"{other}: {item}" for other, item in row.items() if other != name)
            return bad_row(place, f"found {value.why} in the column {name!r}", shown)
        row[name] = plain(value, name, unusable)
    return SourceRow(row, place, unusable) if unusable else SourceRow(row, place)


class _Unreadable:
    """A cell that cannot be read, and why."""

    def __init__(self, why: str) -> None:
        self.why = why


def _holds_json(column: Any) -> bool:
    """Whether all values of a column become JSON values by themselves."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        # What is damaged inside ends the process where it is read without this.
        column.validate(full=True)
    except pa.ArrowInvalid as error:
        if "UTF8" not in str(error):
            raise
        return False
    if pa.types.is_float32(column.type) or pa.types.is_float64(column.type):
        return bool(pc.all(pc.is_finite(column)).as_py() in (True, None))
    return _is_json(column.type)


def _is_json(kind: Any) -> bool:
    import pyarrow as pa

    types = pa.types
    if types.is_list(kind) or types.is_large_list(kind) or types.is_dictionary(kind):
        return _is_json(kind.value_type)
    if types.is_struct(kind):
        return all(_is_json(kind.field(index).type) for index in range(kind.num_fields))
    simple = (types.is_string, types.is_large_string, types.is_boolean, types.is_integer, types.is_null)
    return any(is_one(kind) for is_one in simple)


def _cells(column: Any) -> list[Any]:
    try:
        cells: list[Any] = column.to_pylist(maps_as_pydicts="strict")
    except (ValueError, KeyError, OverflowError, NotImplementedError):
        return [_cell(scalar) for scalar in column]
    return cells


def _cell(scalar: Any) -> Any:
    try:
        return scalar.as_py(maps_as_pydicts="strict")
    except UnicodeDecodeError as error:
        return _Unreadable(f"the byte 0x{error.object[error.start]:02x}, which is not UTF-8,")
    except KeyError as error:
        return _Unreadable(f"a doubled key ({error.args[0]})")
    except (ValueError, OverflowError, NotImplementedError) as error:
        return Unusable(f"a value that cannot be read ({error})")
