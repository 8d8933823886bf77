"""Starts a Python module that ends by itself as soon as the process that started it has ended, even by SIGKILL.

`python -m assets.building.lifeline MODULE ARGUMENTS`, with a pipe as stdin of which only the parent has the other end.
The system closes that end with the parent, on every system and without a race, so the child reads the end of the pipe.
"""

from __future__ import annotations

import os
import runpy
import sys
import threading

MODULE = "assets.building.lifeline"


def hold() -> None:
    """Ends this process when its stdin is closed. From now on, stdin is empty for whatever the process runs."""
    pipe, nothing = os.dup(0), os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    threading.Thread(target=_exit_at_end, args=(pipe,), name="lifeline", daemon=True).start()


def _exit_at_end(pipe: int) -> None:
    while os.read(pipe, 1024):
        pass
    # Without any clean-up: that could wait for open connections, and would keep the port until then.
    os._exit(1)


if __name__ == "__main__":
    hold()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
