"""Waiting for other processes. It is said after two seconds: a build that waits must not look like one that hangs."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from warehouse.core.texts import shortened
from warehouse.core.visible import visible

SECONDS_OF_SILENCE = 2.0

LOGGER = logging.getLogger("slingshot")
"""Says what is waited for. Without handlers, Python prints its warnings to stderr."""

_HELD = re.compile(r"^\d+: FLOCK +\S+ +\S+ +(?P<process>\d+) +[0-9a-f]+:[0-9a-f]+:(?P<inode>\d+) ", re.MULTILINE)
"""A lock of a file in /proc/locks of Linux."""


@contextmanager
def locked(path: Path, what: str, remove: bool = False, wait: bool = True) -> Iterator[None]:
    """Holds the lock file `path` in the block. After two seconds of waiting it says so; `what` is what is waited for.

    With `remove`, the file is removed at the end of the block. Raises OSError, and Timeout where another process has
    the lock and `wait` is false.
    """
    lock = FileLock(path)
    try:
        lock.acquire(timeout=SECONDS_OF_SILENCE if wait else 0)
    except Timeout:
        if not wait:
            raise
        say_waiting(what, _holder(path))
        lock.acquire()
    try:
        yield
    finally:
        if remove:
            path.unlink(missing_ok=True)
        lock.release()


def say_waiting(what: str, process: int | None) -> None:
    """Says that this process waits for `what`, and which process holds it, if that is known."""
    say_waiting_for(what, described(process))


def say_waiting_for(what: str, holder: str) -> None:
    """Says that this process waits for `what`, which `holder` has, in words."""
    LOGGER.warning("slingshot: waiting for %s", f"{what}: {holder}")


def described(process: int | None) -> str:
    """A process in words: "process 42 (slingshot build)"."""
    if process is None:
        return "another process"
    try:
        command = " ".join(psutil.Process(process).cmdline())
    except psutil.Error:
        command = ""
    return f"process {process} ({visible(shortened(command, 120))})" if command else f"process {process}"


def _holder(path: Path) -> int | None:
    """The process that holds a lock file, None where that is not known."""
    try:
        inode = str(path.stat().st_ino)
        found = _HELD.finditer(Path("/proc/locks").read_text(encoding="utf-8"))
    except OSError:
        return None
    # A process of another container has the number 0.
    return next((int(one["process"]) for one in found if one["inode"] == inode and one["process"] != "0"), None)
