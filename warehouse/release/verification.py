"""Checks an attestation against the files in the same folder, without a warehouse."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from warehouse.core.errors import UserError
from warehouse.core.identity import file_digest
from warehouse.core.visible import visible
from warehouse.lineage.material import Material
from warehouse.release.attestation import recipe_digest
from warehouse.release.attested import (
    Attested,
    Envelope,
    InvalidAttestation,
    parse,
    read_envelope,
    read_statement,
)
from warehouse.release.layout import TEST, group_of, table
from warehouse.release.merkle import merkle_root
from warehouse.release.signing import load_verifier


class NotVerified(UserError):
    """The attestation cannot be read, or it does not agree with the files in its folder."""


@dataclass(frozen=True)
class Verified:
    """The content of an attestation that agrees with the files in its folder.

    `digest` is the SHA-256 of the attestation file, `files` has the SHA-256 of the other files by name. `signed` says
    whether there is a signature. `key` is the id of the key that it was checked with, None if no key was given. The
    materials and the exceptions (reasons by name of a material) cannot be checked with the files alone.
    """

    attestation: Path
    digest: str
    arm: str
    files: Mapping[str, str]
    rows: int
    root: str
    recipe_digest: str
    materials: tuple[Material, ...]
    exceptions: Mapping[str, str]
    signed: bool
    key: str | None
    held_out: int | None = None

    def lines(self) -> list[str]:
        """What was checked and what was not, as lines of text; control characters are written as escapes."""
        if self.key is not None:
            signature = f"made with the key {self.key}"
        elif self.signed:
            signature = "not checked, because no key was given: the author is unknown"
        else:
            signature = "none: anyone who could write the files could also write this"
        form = "form" if any("/" in name for name in self.files) else "file"
        lines = [
            f"verified   {self.attestation}",
            f"           sha256 {self.digest}",
            *_column("files", [f"{name}  sha256 {sha256}" for name, sha256 in self.files.items()]),
            f"rows       {self.rows}, the same in every {form}; Merkle root {self.root}",
            *([f"           and {self.held_out} benchmark items in the split test"] if self.held_out else []),
            f"recipe     sha256 {self.recipe_digest}, of arm {self.arm}",
            *_column("materials", [self._material(one) for one in self.materials]),
            f"signature  {signature}",
        ]
        return [visible(line, kept="") for line in lines]

    def _material(self, one: Material) -> str:
        words = [one.role, one.name, one.licence, one.address or "no address"]
        words += [f"allowed as an exception: {self.exceptions[one.name]}"] if one.name in self.exceptions else []
        return "  ".join(words)


@dataclass(frozen=True)
class ReadAttestation:
    """What an attestation says, the SHA-256 of its file, whether it is signed, and the id of the key it was checked
    with."""

    attested: Attested
    digest: str
    signed: bool
    key: str | None


def verify(file: Path, public_key: Path | None = None) -> Verified:
    """Check the attestation `file` against the files in its folder, and return its content.

    With `public_key` (PEM) it must be signed with that key; without, signatures are not checked, and the result says
    so. Raises NotVerified for the first of these that is wrong: the attestation itself, its signature, the digest of
    the recipe, the bytes of the files (with all files that differ), the row ids in each file. Raises UserError for a
    key that cannot be used.
    """
    read = read_attestation(file, public_key)
    attested = read.attested
    _check_files(file, attested)
    _check_rows(file, attested)
    return Verified(
        file,
        read.digest,
        attested.arm,
        attested.files,
        attested.rows,
        attested.root,
        attested.recipe_digest,
        attested.materials,
        attested.exceptions,
        read.signed,
        read.key,
        attested.held_out and attested.held_out[0],
    )


def read_attestation(file: Path, public_key: Path | None = None) -> ReadAttestation:
    """What an attestation says, without the files in its folder. Raises as `verify` does."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise NotVerified(f"cannot read {file}: {error.strerror}") from None
    try:
        parsed = parse(content)
        envelope = read_envelope(parsed)
        key = None if public_key is None else _signing_key(file, envelope, public_key)
        attested = read_statement(parsed if envelope is None else parse(envelope.payload))
    except InvalidAttestation as error:
        raise NotVerified(f"{file} is not an attestation of an export: {error}") from None
    found = recipe_digest(attested.recipe)
    if found != attested.recipe_digest:
        raise NotVerified(f"the recipe in {file} has the sha256 {found}, but {attested.recipe_digest} is attested")
    return ReadAttestation(attested, hashlib.sha256(content).hexdigest(), envelope is not None, key)


def _signing_key(file: Path, envelope: Envelope | None, public_key: Path) -> str:
    verifier = load_verifier(public_key)
    if envelope is None:
        raise NotVerified(f"{file} is not signed, but a signature with the key {verifier.keyid} is required")
    if not verifier.accepts(envelope.payload, envelope.payload_type, envelope.signatures):
        raise NotVerified(f"{file} has no signature of its content with the key {verifier.keyid}")
    return verifier.keyid


def _check_files(file: Path, attested: Attested) -> None:
    wrong = []
    for name, expected in attested.files.items():
        # A path to another folder could make us read any file of this machine.
        if not is_inside(name):
            raise NotVerified(f"{file} lists {name!r}, which is not the name of a file in its folder")
        try:
            found = file_digest(file.parent / name)
        except (FileNotFoundError, NotADirectoryError):
            wrong.append(f"{file.parent / name} is missing; its sha256 should be {expected}")
        except OSError as error:
            wrong.append(f"{file.parent / name} cannot be read: {error.strerror}; its sha256 should be {expected}")
        else:
            if found != expected:
                wrong.append(f"{file.parent / name} has changed: its sha256 is {found}, but {expected} is attested")
    if wrong:
        raise NotVerified("; ".join(wrong))


def is_inside(name: str) -> bool:
    """Whether a path, with "/" between its parts, is that of something inside the folder that it starts from."""
    parts = name.split("/")
    return name.isprintable() and "\\" not in name and all(part not in ("", ".", "..") for part in parts)


def _check_rows(file: Path, attested: Attested) -> None:
    """Each form of the training set must have the attested row ids, in the files of its splits together."""
    held_out = {table(attested.arm, TEST)} if attested.held_out else set()
    groups: dict[str, list[Path]] = {}
    for name in sorted(attested.files):
        if Path(name).suffix in _ROW_IDS and name not in held_out:
            groups.setdefault(group_of(name), []).append(file.parent / name)
    if not groups:
        raise NotVerified(f"{file} lists no file with rows (.jsonl or .parquet)")
    for files in groups.values():
        _check_ids(files, attested.rows, attested.root)
    if attested.held_out:
        if not held_out <= attested.files.keys():
            raise NotVerified(f"{file} has held-out rows, but lists no {table(attested.arm, TEST)}")
        _check_ids([file.parent / name for name in held_out], *attested.held_out)


def _check_ids(files: list[Path], rows: int, expected: str) -> None:
    """That `files` have together, in this order, `rows` ids with the Merkle root `expected`."""
    ids: list[str] = []
    for one in files:
        try:
            found = list(_ROW_IDS[one.suffix](one))
            if not all(isinstance(row_id, str) for row_id in found):
                raise TypeError("an id is not text")
            merkle_root(found)
        except (ValueError, LookupError, TypeError, OSError, RecursionError, pl.exceptions.PolarsError) as error:
            raise NotVerified(f"{one} is as attested, but its row ids cannot be read: {error!r}") from None
        ids += found
    root, named = merkle_root(ids), " and ".join(map(str, files))
    if len(ids) != rows:
        raise NotVerified(f"{named} has {len(ids)} rows, but {rows} are attested")
    if root != expected:
        raise NotVerified(f"the row ids of {named} have the Merkle root {root}, but {expected} is attested")


def _jsonl_ids(file: Path) -> Iterator[str]:
    with file.open("rb") as lines:
        for line in lines:
            yield json.loads(line)["id"]


def _parquet_ids(file: Path) -> Iterator[str]:
    yield from pl.read_parquet(file, columns=["id"]).get_column("id")


_ROW_IDS: dict[str, Callable[[Path], Iterator[str]]] = {".jsonl": _jsonl_ids, ".parquet": _parquet_ids}


def _column(title: str, entries: list[str]) -> list[str]:
    titles = [title, *[""] * len(entries)]
    return [f"{title:<10} {entry}" for title, entry in zip(titles, entries, strict=False)]
