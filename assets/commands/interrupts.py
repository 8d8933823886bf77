"""Ctrl-C and SIGTERM in a command: the first ends it in order, the second at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

STOPPED = 130
"""The exit status of a command that was stopped: 128 and the number of SIGINT, as shells have it."""

SECONDS_OF_ONE = 0.3
"""Signals this close together count as one: a terminal and a program that passes signals on may both send it."""

_STOPS = (signal.SIGINT, signal.SIGTERM)


class OutputClosed(KeyboardInterrupt):
    """Nobody reads the output any more, as after `| head`; the command stops as if it were interrupted."""


def stop_on_signals() -> None:
    """Makes SIGTERM raise KeyboardInterrupt, as SIGINT does, and a second signal end the process at once.

    A handler in Python runs only between two steps of the main thread, which may be in a library for long, and Dagster
    replaces it. So a thread reads the signals from a pipe. To be called once, in the main thread.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    threading.Thread(target=_leave_at_the_second, args=(reading,), daemon=True).start()


def _leave_at_the_second(reading: int) -> None:
    first: float | None = None
    while received := os.read(reading, 1):
        if received[0] not in _STOPS:
            continue
        now = time.monotonic()
        if first is None:
            first = now
        elif now - first > SECONDS_OF_ONE:
            if sys.stdout.isatty():
                os.write(sys.stdout.fileno(), b"\x1b[?25h")  # a progress bar hides the cursor
            os._exit(STOPPED)
