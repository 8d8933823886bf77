"""Results of asynchronous work, in groups as they arrive, for a caller that is not asynchronous."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Coroutine, Iterator
from enum import Enum
from typing import Any, TypeVar

from anyio.from_thread import start_blocking_portal

T = TypeVar("T")


class _End(Enum):
    END = 0


def in_groups(work: Callable[[Callable[[T], None]], Coroutine[Any, Any, None]], seconds: float) -> Iterator[list[T]]:
    """What `work` hands over, in groups, each at most `seconds` after its first result; a group may be empty.

    `work` runs in an event loop of its own thread. Its error is raised after the last result. If the caller stops
    early, `work` is cancelled.
    """
    arrived: queue.SimpleQueue[T | _End] = queue.SimpleQueue()
    with start_blocking_portal() as portal:
        future = portal.start_task_soon(work, arrived.put)
        future.add_done_callback(lambda _: arrived.put(_End.END))
        try:
            yield from _groups(arrived, seconds)
        finally:
            future.cancel()
        future.result()


def _groups(arrived: queue.SimpleQueue[T | _End], seconds: float) -> Iterator[list[T]]:
    while True:
        group: list[T] = []
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            try:
                one = arrived.get(timeout=left)
            except queue.Empty:
                break
            if isinstance(one, _End):
                yield group
                return
            group.append(one)
        yield group
