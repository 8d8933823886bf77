"""Remembers digests of code from one process to the next: parsing the code takes most of a second, reading it a
hundredth of that.

A file in the cache folder holds the digests of one state of the code, by what was asked for. After an edit of any file
that counts, all of them are computed again.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from resources.tools.locations import cache_path
from warehouse.core.atomic import written_whole
from warehouse.core.identity import digest

FILE = "code_digests.json"

Digests = dict[str, str]


def state_of(root: Path, others: Iterable[str]) -> str:
    """A digest of all code that can count: the files in `assets` below `root`, the `others`, and Python's version.

    Python's version counts because it decides how parsed code is written out again.
    """
    files = [*root.joinpath("assets").rglob("*.py"), *(root / other for other in others)]
    texts = {file.relative_to(root).as_posix(): file.read_text("utf-8") for file in files if file.is_file()}
    return digest([sys.version, texts])


class DigestMemory:
    """The digests in the cache folder for the state of the code at the start of this process, as `state` finds it."""

    def __init__(self, state: Callable[[], str]) -> None:
        self._state, self._file = state, cache_path() / FILE
        self._before = state()
        self._known = self._read()

    def digests(self, asked: list[object], compute: Callable[[], Digests]) -> Digests:
        """What `compute` returns for what is `asked`, from memory if it is known there."""
        key = digest(asked)
        if key not in self._known:
            self._known[key] = compute()
            # Code that was edited since then has another state.
            if self._state() == self._before:
                self._write()
        return self._known[key]

    def _read(self) -> dict[str, Digests]:
        """The digests in the file; none if it is missing, damaged or of another state."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            content = json.loads(self._file.read_text("utf-8"))
            if content["state"] == self._before:
                return dict(content["digests"])
        return {}

    def _write(self) -> None:
        content = json.dumps({"state": self._before, "digests": self._read() | self._known})
        # Where nothing can be written, the digests are computed each time.
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            written_whole(self._file, lambda scratch: scratch.write_text(content, "utf-8"))
