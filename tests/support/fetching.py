"""Helpers of the tests of fetching: a wrong hash, the message of an error, the files of a folder, a wheel."""

from __future__ import annotations

import socket
import zipfile
from pathlib import Path

import pytest

from resources.fetching.addresses import Address
from resources.fetching.cache import Cache
from resources.fetching.errors import FetchError
from warehouse.core.identity import file_digest

WRONG = "0123456789abcdef" * 4


def refused(cache: Cache, address: str, sha256: str) -> str:
    """The message of the FetchError, without its start; nothing may be left in the cache."""
    with pytest.raises(FetchError) as error:
        cache.fetch(Address.parse(address), sha256)
    assert list(cache.root.glob("**/*")) == []
    return str(error.value).removeprefix(f"cannot fetch {address}: ")


def tree(folder: Path) -> dict[str, bytes]:
    """Relative name and bytes of every file below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def closed_port() -> int:
    """A loopback port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wheel(registry: Path, files: dict[str, bytes], version: str = "1.0", link: str | None = None) -> str:
    """Write toy-<version>-py3-none-any.whl and return its sha256; `link` adds a symlink with that name."""
    info = f"toy-{version}.dist-info"
    meta = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: toy\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }
    path = registry / f"toy-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, body in {**files, **meta}.items():
            archive.writestr(zipfile.ZipInfo(name), body)
        if link:
            entry = zipfile.ZipInfo(link)
            entry.external_attr = 0o120777 << 16
            archive.writestr(entry, "/etc/passwd")
    return file_digest(path)
