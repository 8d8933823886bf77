"""Writes a file whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def written_whole(target: Path, write: Callable[[Path], object]) -> Path:
    """Calls `write` with another path in the same folder, then moves what lies there to `target`, which is returned.

    Whoever reads `target` finds what was there before or all that is new, also where `write` raises or is killed.
    The folder must exist. Raises OSError and whatever `write` raises.
    """
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".exporting-") as scratch:
        write(Path(scratch) / target.name)
        os.replace(Path(scratch) / target.name, target)
    return target
