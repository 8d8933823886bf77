"""The claims of builds on one machine: a file lock for each batch of model calls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from warehouse.core.identity import digest
from warehouse.core.waiting import locked


@dataclass(frozen=True)
class FileClaims:
    """Claims (see warehouse.py) as locked files in `folder`."""

    folder: Path

    @contextmanager
    def claimed(self, keys: Sequence[str], wait: bool = True) -> Iterator[None]:
        """Keeps parallel builds from computing the same calls as one batch: they wait here until the block ends.

        Raises Timeout where another build has them and `wait` is false.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        what = f"{len(keys)} model calls, which another build computes"
        with locked(self.file(keys), what, remove=True, wait=wait):
            yield

    def is_claimed(self, keys: Sequence[str]) -> bool:
        """Whether a build computes these calls as one batch now."""
        claim = self.file(keys)
        if not claim.exists():
            return False
        try:
            with FileLock(claim, timeout=0):
                return False
        except Timeout:
            return True

    def remove_old(self) -> None:
        """Removes lock files that no build holds: killed builds left them, and the same batches may never recur."""
        for claim in self.folder.glob("*"):
            with suppress(Timeout), FileLock(claim, blocking=False):
                claim.unlink(missing_ok=True)

    def file(self, keys: Sequence[str]) -> Path:
        """The file that a build locks while it computes the calls `keys` as one batch."""
        return self.folder / digest(list(keys))
