"""The sha256 of a folder: one number for all of its files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from resources.fetching.errors import FetchError
from warehouse.core.identity import file_digest


def tree_digest(folder: Path, digest: Callable[[Path], str] = file_digest) -> str:
    """The sha256 over the lines `<sha256>  <relative/posix/name>` of a folder's files, sorted by name (ours).

    Files and folders whose name starts with "." are left out. In a shell the same number is
    `find -L . -type f -not -path '*/.*' -printf '%P\\0' | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum`.
    `digest` gives the sha256 of one file. Raises FetchError for what no digest can cover (a link to a folder,
    a pipe or device, a line break or backslash in a name) and OSError.
    """
    lines: dict[bytes, str] = {}
    for place, folders, files in os.walk(folder, onerror=_raise):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for entry in (Path(place, name) for name in [*folders, *files] if not name.startswith(".")):
            name = entry.relative_to(folder).as_posix()
            if "\n" in name or "\\" in name:
                raise FetchError(f"cannot digest {folder}: the name {name!r} holds a line break or a backslash")
            if entry.is_dir() and not entry.is_symlink():
                continue
            if not entry.is_file():
                raise FetchError(f"cannot digest {folder}: {name!r} is a link to a folder or a device")
            lines[os.fsencode(name)] = digest(entry)
    text = b"".join(lines[name].encode() + b"  " + name + b"\n" for name in sorted(lines))
    return hashlib.sha256(text).hexdigest()


def _raise(error: OSError) -> None:
    raise error
