"""The sha256 of a folder, or of the files that match a pattern: one number for all of them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from resources.fetching.globs import files_at
from warehouse.core.identity import file_digest


def tree_digest(folder: Path, digest: Callable[[Path], str] = file_digest) -> str:
    """The sha256 over the lines `<sha256>  <relative/posix/name>` of a folder's files, sorted by name (ours).

    Files and folders whose name starts with "." are left out. In a shell the same number is
    `find -L . -type f -not -path '*/.*' -printf '%P\\0' | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum`.
    For a pattern such as `shards/*.jsonl`, the same over the files that match, by their names below `shards`.
    `digest` gives the sha256 of one file. Raises FetchError for what no digest can cover (a link to a folder,
    a pipe or device, a line break or backslash in a name) and OSError.
    """
    lines = (digest(entry).encode() + b"  " + os.fsencode(name) + b"\n" for name, entry in files_at(folder).items())
    return hashlib.sha256(b"".join(lines)).hexdigest()
