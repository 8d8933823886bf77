"""Which errors are shown in one line: those that the user can fix, not defects.

The machine's own errors (a full disk, a file without permission) can come from anywhere, so they are recognised here
and not where they are raised.
"""

from __future__ import annotations

import errno
import os
import re
import sqlite3
from collections.abc import Iterator

from warehouse.core.errors import UserError

_ADVICE = {
    errno.ENOSPC: "make room on the disk",
    errno.EDQUOT: "make room, or ask for a larger quota",
    errno.EFBIG: "raise the limit of the size of files (ulimit -f), or use another disk",
    errno.EACCES: "change its permissions, or choose another place",
    errno.EPERM: "change its permissions, or choose another place",
    errno.EROFS: "choose a place that can be written",
    errno.EISDIR: "it is a folder; choose a file",
    errno.ENOTDIR: "a part of the path is a file; choose another place",
    errno.EEXIST: "it is there already; choose another place",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENFILE: "close other programs",
    errno.EIO: "the disk may be damaged",
}

_OWN_MISTAKES = (sqlite3.ProgrammingError, sqlite3.IntegrityError, sqlite3.InterfaceError, sqlite3.NotSupportedError)


def plain(error: BaseException) -> str | None:
    """What failed and what would help, in words that need no traceback; None for an error that may be a defect."""
    if isinstance(error, UserError):
        return str(error)
    return next((message for one in _causes(error) if (message := _of_machine(one))), None)


def _of_machine(error: BaseException) -> str | None:
    if isinstance(error, OSError) and error.errno in _ADVICE:
        place = error.filename2 or error.filename
        what = f"{os.fspath(place)}: " if isinstance(place, str | os.PathLike) else ""
        return f"{what}{os.strerror(error.errno)}; {_ADVICE[error.errno]}"
    if isinstance(error, MemoryError):
        # Without the function for texts: loading it takes memory.
        said = " ".join(str(error).split())
        return f"the memory is full{f': {said}' if said else ''}; close other programs"
    if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, _OWN_MISTAKES):
        from warehouse.core.texts import on_one_line

        said = on_one_line(str(error))
        if re.search("full|disk I/O", said):
            advice = "make room on the disk"
        elif re.search("readonly|unable to open", said):
            advice = "change the permissions of the folder dagster in the warehouse"
        else:
            advice = "delete the folder dagster in the warehouse: it has only that history"
        return f"Dagster's history of runs cannot be used (SQLite: {said}); {advice}"
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was raised from."""
    one: BaseException | None = error
    while one is not None:
        yield one
        one = one.__cause__
