"""The error for an address that cannot be fetched, and its messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import PurePosixPath

from resources.fetching.addresses import Address, is_pattern
from warehouse.core.errors import UserError


class FetchError(UserError):
    """An address cannot be fetched; the message says what was tried and found."""


def failure(address: Address, why: str) -> FetchError:
    """The error that says why `address` cannot be fetched."""
    return FetchError(f"cannot fetch {address}: {why}")


def missing(address: Address, where: str, names: Iterable[str]) -> FetchError:
    """The error for an inner path that does not exist; it lists the most similar of `names`."""
    known = {name: None for name in names}
    known |= {f"{folder}/": None for name in known for folder in PurePosixPath(name).parents if folder.name}
    near = difflib.get_close_matches(address.path or "", known, n=3, cutoff=0.4)
    hint = "the nearest names are " + ", ".join(map(repr, near)) if near else "no name there is near"
    return failure(address, f"{where} has no {address.path!r}; {hint}")


def compare(address: Address, expected: str | None, found: str, what: str) -> None:
    """Raises FetchError if the sha256 of `what` is not the expected one; None means that none is expected."""
    if expected is not None and found != expected:
        raise failure(address, f"{what} is not what was named, expected sha256 {expected}, found {found}")


def hashed(address: Address) -> str:
    """What the sha256 of an address covers, in words."""
    if address.scheme == "pypi":
        return "the wheel"
    if address.scheme == "path":
        return "the file (sha256sum), of the folder or of what matches (tree_digest)"
    if address.path and is_pattern(address.path):
        return "the files that match (tree_digest)"
    return "the file" if address.path else "the snapshot (tree_digest)"
