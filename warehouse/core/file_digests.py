"""SHA-256 of files, read again only where a file has changed."""

from __future__ import annotations

from pathlib import Path

from warehouse.core.identity import file_digest


class FileDigests:
    """Remembers the digest of each file, together with the file's size and the time of its last change."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[int, int, str]] = {}

    def of(self, file: Path) -> str:
        """SHA-256 of the file's bytes, as 64 lower-case hex digits. Raises OSError."""
        now = file.stat()
        size, changed, known = self._known.get(file, (-1, -1, ""))
        if (size, changed) != (now.st_size, now.st_mtime_ns):
            known = file_digest(file)
            self._known[file] = (now.st_size, now.st_mtime_ns, known)
        return known
