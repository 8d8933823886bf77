"""Open the files of a source: as bytes, decompressed up to a limit, or as text."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, TextIO

from assets.sources.reading.files import COMPRESSIONS, File
from warehouse.core.errors import UserError

MOST_BYTES = 256 * 2**20
MOST_TIMES = 200
"""A compressed file may become MOST_TIMES as large, or MOST_BYTES if that is more (ours): texts stay far below."""

_MAGIC = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
_BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


@contextmanager
def open_bytes(file: File) -> Iterator[BinaryIO]:
    """The bytes of a file, decompressed if it is compressed. Raises UserError also while they are read."""
    try:
        raw = file.path.open("rb")
    except OSError as error:
        why = f"found no readable file ({error.strerror}), but a source needs one"
        raise UserError(f"{file.path}: {why}") from error
    with raw:
        compression = COMPRESSIONS.get(file.suffix) or _recognised(raw)
        if compression is None:
            yield raw
        else:
            most = max(MOST_BYTES, MOST_TIMES * file.path.stat().st_size)
            yield io.BufferedReader(_Bounded(file, compression, raw, most), 2**17)


@contextmanager
def open_text(file: File, encoding: str | None, newline: str | None) -> Iterator[TextIO]:
    """The text of a file, UTF-8 unless it says or starts otherwise. Bytes that are no text are lone surrogates.

    Raises UserError also while it is read.
    """
    with open_bytes(file) as stream:
        head = stream.peek(4)[:4] if isinstance(stream, io.BufferedReader) else b""
        found = next((name for bom, name in _BOMS.items() if head.startswith(bom)), "utf-8")
        text = io.TextIOWrapper(stream, encoding or found, errors="surrogateescape", newline=newline)
        try:
            yield text
        except UnicodeError as error:
            raise UserError(f"{file.path}: found text that is not {encoding or found} ({error})") from error
        finally:
            text.detach()


def wrong_bytes(text: str, encoding: str | None) -> str | None:
    """What is wrong with a text that was read with bytes that are none; None for a good text."""
    if text.isascii():
        return None
    try:
        text.encode()
    except UnicodeEncodeError as error:
        byte = ord(text[error.start]) & 0xFF
        right = encoding or "UTF-8 (the key encoding of the source names another)"
        return f"found the byte 0x{byte:02x}, but the text must be {right}"
    return None


class _Bounded(io.RawIOBase):
    """Decompressed bytes, at most `most` of them."""

    def __init__(self, file: File, compression: str, raw: BinaryIO, most: int) -> None:
        self._file, self._compression, self._left, self._most = file, compression, most, most
        self._stream = _decompressor(compression, raw)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._stream.read(len(buffer))
        except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            named = self._file.suffix if self._file.suffix in COMPRESSIONS else "its start"
            why = f"found damaged {self._compression} data ({error})"
            raise UserError(
                f"{self._file.path}: {why}, but {named} promises a whole {self._compression} file"
            ) from error
        self._left -= len(data)
        if self._left < 0:
            raise UserError(
                f"{self._file.path}: found {self._compression} data that become more than {self._most:,} bytes, which "
                f"is too much for a file of {self._file.path.stat().st_size:,}; decompress it yourself if it is right"
            )
        buffer[: len(data)] = data
        return len(data)


def _recognised(raw: BinaryIO) -> str | None:
    head = raw.read(8)
    raw.seek(0)
    found = next((name for magic, name in _MAGIC.items() if head.startswith(magic)), None)
    return None if found == "bz2" and head[4:8] != b"1AY&" else found


def _decompressor(compression: str, raw: BinaryIO) -> Any:
    if compression == "gzip":
        return gzip.GzipFile(fileobj=raw)
    if compression == "bz2":
        return bz2.BZ2File(raw)
    if compression == "xz":
        return lzma.LZMAFile(raw)
    import pyarrow as pa

    return pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd")
