"""What is said where an address cannot be fetched: one error, with what was tried and found."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import PurePosixPath

from resources.fetching.addresses import Address
from warehouse.core.errors import UserError


class FetchError(UserError, RuntimeError):
    """Something an address names cannot be had; the message says what was tried and found."""


def failure(address: Address, why: str) -> FetchError:
    """The error that says why `address` cannot be fetched."""
    return FetchError(f"cannot fetch {address}: {why}")


def missing(address: Address, where: str, names: Iterable[str]) -> FetchError:
    """The error where the inner path is not there; it names those of `names` that are near."""
    known = {name: None for name in names}
    known |= {f"{folder}/": None for name in known for folder in PurePosixPath(name).parents if folder.name}
    near = difflib.get_close_matches(address.path or "", known, n=3, cutoff=0.4)
    hint = "the nearest names are " + ", ".join(map(repr, near)) if near else "no name there is near"
    return failure(address, f"{where} has no {address.path!r}; {hint}")


def compare(address: Address, expected: str | None, found: str, what: str) -> None:
    """Raises FetchError where `what` has another sha256 than was named; None is one that nobody knows yet."""
    if expected is not None and found != expected:
        raise failure(address, f"{what} is not what was named, expected sha256 {expected}, found {found}")


def hashed(address: Address) -> str:
    """Of what the sha256 of an address is taken, in words."""
    if address.scheme == "pypi":
        return "the wheel"
    if address.scheme == "path":
        return "the file (sha256sum) or of the folder (tree_digest)"
    return "the file" if address.path else "the snapshot (tree_digest)"
