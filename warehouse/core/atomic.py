"""Writes a file completely or not at all, and deletes what is in its place."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path


def written_whole(target: Path, write: Callable[[Path], object]) -> Path:
    """Calls `write` with a temporary path in the same folder, then moves the file to `target`. Returns `target`.

    A reader finds the old file or the complete new one, even if `write` raises or the process is killed.
    The folder must exist. Raises OSError and anything that `write` raises.
    """
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".exporting-") as scratch:
        write(Path(scratch) / target.name)
        os.replace(Path(scratch) / target.name, target)
    return target


def removed(place: Path) -> Path:
    """Deletes a file, a link or a folder with all that is in it, where it is there. Returns `place`. Raises OSError."""
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
    return place
