"""The files of a folder or of a pattern such as `shards/*.jsonl`: which they are, and in which order.

Patterns match as in a shell: `*` and `?` stand for characters of one name, `[0-9]` for one of several, `**` for any
folders. Files and folders whose name starts with "." are left out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from resources.fetching.addresses import is_pattern
from resources.fetching.errors import FetchError


def fixed_part(pattern: str) -> str:
    """The folders of a pattern before the first part that has a `*`, `?` or `[`; "" where there are none."""
    parts = PurePosixPath(pattern).parts
    first = next((index for index, part in enumerate(parts) if is_pattern(part)), len(parts))
    return str(PurePosixPath(*parts[:first])) if first else ""


def matching(pattern: str, names: Iterable[str]) -> list[str]:
    """Those of the relative posix `names` that match, sorted by their bytes."""
    from fsspec.utils import glob_translate

    matches = re.compile(glob_translate(pattern)).fullmatch
    return sorted((name for name in names if matches(name) and not _hidden(name)), key=os.fsencode)


def files_at(place: Path) -> dict[str, Path]:
    """The files of a file, a folder or a pattern, in the order of `tree_digest`, by their names below `root_of(place)`.

    Raises FetchError for what no digest can cover: a link to a folder, a pipe or device, a line break or backslash in a
    name. Raises OSError.
    """
    if place.is_file():
        return {place.name: place}
    root = root_of(place)
    if place.is_dir():
        found = dict(_walk(root))
        names: Iterable[str] = found
    else:
        wanted = place.relative_to(root).as_posix()
        deepest = None if "**" in wanted else wanted.count("/")
        found = dict(_walk(root, deepest)) if root.is_dir() else {}
        names = matching(wanted, found)
    return {name: found[name] for name in sorted(names, key=os.fsencode)}


def root_of(place: Path) -> Path:
    """The folder that the names of the files of `place` are relative to: itself, or what is fixed of a pattern."""
    if place.is_file():
        return place.parent
    return place if place.is_dir() else Path(fixed_part(place.as_posix()))


def _walk(root: Path, deepest: int | None = None) -> Iterator[tuple[str, Path]]:
    for place, folders, files in os.walk(root, onerror=_raise):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for entry in (Path(place, name) for name in [*folders, *files] if not name.startswith(".")):
            name = entry.relative_to(root).as_posix()
            if "\n" in name or "\\" in name:
                raise FetchError(f"cannot digest {root}: the name {name!r} holds a line break or a backslash")
            if entry.is_dir() and not entry.is_symlink():
                continue
            if not entry.is_file():
                raise FetchError(f"cannot digest {root}: {name!r} is a link to a folder or a device")
            yield name, entry
        if deepest is not None and len(Path(place).relative_to(root).parts) >= deepest:
            folders.clear()


def _hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))


def _raise(error: OSError) -> None:
    raise error
