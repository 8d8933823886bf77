"""Helpers of the tests of fetching: a wrong hash, the message of an error, the files of a folder."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from resources.fetching.addresses import Address
from resources.fetching.cache import Cache
from resources.fetching.errors import FetchError

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
