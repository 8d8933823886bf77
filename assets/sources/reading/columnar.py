"""Parquet, and Arrow as a file (Feather) or as a stream. Only the columns that are asked for are read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from assets.sources.reading.files import COMPRESSIONS, File
from assets.sources.reading.rows import Asked, BadRow, SourceRow, bad_row
from assets.sources.reading.streams import open_bytes
from assets.sources.reading.values import Unusable, plain
from warehouse.core.errors import UserError

_IPC_FILE = b"ARROW1"


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
                for batch in self._parquet(source) if self._file.format == "parquet" else self._arrow(source):
                    for row in _rows(batch):
                        number += 1
                        yield self._row(row, number)
        except (pa.ArrowException, OSError) as error:
            reason = str(error).splitlines()[0]
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
        import pyarrow.parquet as pq

        opened = pq.ParquetFile(source)
        asked = self._asked.among(opened.schema_arrow.names, self._file.path)
        for group in range(opened.num_row_groups):
            # A name with a dot also selects a part of another column.
            table = opened.read_row_group(group, columns=asked)
            yield table.select(asked), table.num_rows if asked else opened.metadata.row_group(group).num_rows

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

    def _row(self, row: dict[str, Any], number: int) -> SourceRow | BadRow:
        place = self._file.at(f"row {number:,}")
        for name, value in row.items():
            if isinstance(value, _Unreadable):
                shown = ", ".join(f"{other}: {item}" for other, item in row.items() if other != name)
                return bad_row(place, f"found {value.why} in the column {name!r}", shown)
        unusable: dict[str, str] = {}
        content = {
            name: value if isinstance(value, str) else plain(value, name, unusable) for name, value in row.items()
        }
        return SourceRow(content, place, unusable) if unusable else SourceRow(content, place)


class _Unreadable:
    """A cell that cannot be read, and why."""

    def __init__(self, why: str) -> None:
        self.why = why


def _rows(batch: tuple[Any, int]) -> Iterator[dict[str, Any]]:
    table, count = batch
    columns = [_cells(table.column(index)) for index in range(table.num_columns)]
    if not columns:
        yield from ({} for _ in range(count))
    names = table.schema.names
    for cells in zip(*columns, strict=True):
        yield dict(zip(names, cells, strict=True))


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
