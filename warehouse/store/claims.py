"""Which build computes which model calls: a file lock for each batch, so that parallel builds compute none twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from warehouse.core.identity import digest
from warehouse.core.waiting import locked
from warehouse.store.database import Database


def claim_on(database: Database, keys: Sequence[str]) -> Path:
    """The file that a build locks while it computes the calls `keys` as one batch."""
    return _folder(database) / digest(list(keys))


@contextmanager
def claimed(database: Database, keys: Sequence[str], wait: bool = True) -> Iterator[None]:
    """Keeps parallel builds from computing the same calls: they wait here until the block ends.

    Raises Timeout where another build has them and `wait` is false."""
    claim = claim_on(database, keys)
    claim.parent.mkdir(parents=True, exist_ok=True)
    with locked(claim, f"{len(keys)} model calls, which another build computes", remove=True, wait=wait):
        yield


def try_to_claim(database: Database, keys: Sequence[str], wait: bool) -> ExitStack | None:
    """A claim as of `claimed`, which lasts until it is closed; None where another build has it and `wait` is false."""
    claim = ExitStack()
    try:
        claim.enter_context(claimed(database, keys, wait))
    except Timeout:
        return None
    return claim


def remove_old_claims(database: Database) -> None:
    """Removes lock files that no build holds: killed builds left them, and the same batches may never recur."""
    for claim in _folder(database).glob("*"):
        with suppress(Timeout), FileLock(claim, blocking=False):
            claim.unlink(missing_ok=True)


def _folder(database: Database) -> Path:
    return database.path.parent / "claims"
