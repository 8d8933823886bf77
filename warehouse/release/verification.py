"""Checks an attestation against the files beside it, without a warehouse."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from warehouse.core.errors import Mendable
from warehouse.core.identity import file_digest
from warehouse.lineage.material import Material
from warehouse.release.attestation import recipe_digest
from warehouse.release.attested import Attested, Envelope, NoAttestation, parse, read_envelope, read_statement, visible
from warehouse.release.merkle import merkle_root
from warehouse.release.signing import load_verifier


class NotVerified(Mendable):
    """An attestation that cannot be read, or that is not true of the files beside it."""


@dataclass(frozen=True)
class Verified:
    """What was checked and found to be true of the files beside an attestation.

    `digest` is the SHA-256 of the attestation's own file, `files` holds those of the others by name. `signed` says that
    there is a signature, `key` the id of the key that it fits, None where no key was given. The materials and the
    exceptions (reasons by name of a material) are what the attestation says: files cannot show them.
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

    def lines(self) -> list[str]:
        """What was checked, as text; what was not is said, too. Control characters are shown, not obeyed."""
        if self.key is not None:
            signature = f"fits the key {self.key}"
        elif self.signed:
            signature = "not checked: no key was given, so who says this is open"
        else:
            signature = "none: whoever could write the files could write this, too"
        lines = [
            f"verified   {self.attestation}",
            f"           sha256 {self.digest}",
            *_column("files", [f"{name}  sha256 {sha256}" for name, sha256 in self.files.items()]),
            f"rows       {self.rows}, the same in every file; Merkle root {self.root}",
            f"recipe     sha256 {self.recipe_digest}, of arm {self.arm}",
            *_column("materials", [self._material(one) for one in self.materials]),
            f"signature  {signature}",
        ]
        return [visible(line) for line in lines]

    def _material(self, one: Material) -> str:
        said = [one.role, one.name, one.licence, one.address or "no address"]
        said += [f"allowed as an exception: {self.exceptions[one.name]}"] if one.name in self.exceptions else []
        return "  ".join(said)


def verify(file: Path, public_key: Path | None = None) -> Verified:
    """What the attestation `file` says, once all of it that files can show is found to be true.

    With `public_key` (PEM) it must be signed with that key; without, a signature is left unchecked, which the result
    says. Raises NotVerified for the first of these that is wrong: the attestation itself, its signature, the bytes of
    the files (all that differ are named), the row ids in each of them, the digest of the recipe. Raises SigningError
    for a key that cannot be used.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise NotVerified(f"cannot read {file}: {error.strerror}") from None
    try:
        said = parse(content)
        envelope = read_envelope(said)
        key = None if public_key is None else _signing_key(file, envelope, public_key)
        attested = read_statement(said if envelope is None else parse(envelope.payload))
    except NoAttestation as error:
        raise NotVerified(f"{file} is no attestation of an export: {error}") from None
    _check_files(file, attested)
    _check_rows(file, attested)
    found = recipe_digest(attested.recipe)
    if found != attested.recipe_digest:
        raise NotVerified(f"the recipe in {file} has the sha256 {found}, and {attested.recipe_digest} is attested")
    return Verified(
        file,
        hashlib.sha256(content).hexdigest(),
        attested.arm,
        attested.files,
        attested.rows,
        attested.root,
        attested.recipe_digest,
        attested.materials,
        attested.exceptions,
        envelope is not None,
        key,
    )


def _signing_key(file: Path, envelope: Envelope | None, public_key: Path) -> str:
    verifier = load_verifier(public_key)
    if envelope is None:
        raise NotVerified(f"{file} is not signed; a signature with the key {verifier.keyid} was asked for")
    if not verifier.fits(envelope.payload, envelope.payload_type, envelope.signatures):
        raise NotVerified(f"{file} has no signature over what it says that was made with the key {verifier.keyid}")
    return verifier.keyid


def _check_files(file: Path, attested: Attested) -> None:
    wrong = []
    for name, right in attested.files.items():
        # A name that leads elsewhere would have any file of this machine read.
        if Path(name).name != name or name in ("", "..") or "\\" in name or not name.isprintable():
            raise NotVerified(f"{file} names {name!r}, which is no name of a file beside it")
        try:
            found = file_digest(file.parent / name)
        except FileNotFoundError:
            wrong.append(f"{file.parent / name} is missing; its sha256 would be {right}")
        except OSError as error:
            wrong.append(f"{file.parent / name} cannot be read: {error.strerror}; its sha256 would be {right}")
        else:
            if found != right:
                wrong.append(f"{file.parent / name} has changed: its sha256 is {found}, and {right} is attested")
    if wrong:
        raise NotVerified("; ".join(wrong))


def _check_rows(file: Path, attested: Attested) -> None:
    tables = [file.parent / name for name in attested.files if Path(name).suffix in _ROW_IDS]
    if not tables:
        raise NotVerified(f"{file} names no file with rows: no .jsonl and no .parquet")
    for table in tables:
        try:
            ids = list(_ROW_IDS[table.suffix](table))
            if not all(isinstance(one, str) for one in ids):
                raise TypeError("an id is not text")
            root = merkle_root(ids)
        except (ValueError, LookupError, TypeError, OSError, RecursionError, pl.exceptions.PolarsError) as error:
            raise NotVerified(f"{table} is as attested, but its row ids cannot be read: {error!r}") from None
        if len(ids) != attested.rows:
            raise NotVerified(f"{table} has {len(ids)} rows, and {attested.rows} are attested")
        if root != attested.root:
            raise NotVerified(f"the row ids of {table} have the Merkle root {root}, and {attested.root} is attested")


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
