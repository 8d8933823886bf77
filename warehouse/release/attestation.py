"""States what exported files were made from and how: an in-toto Statement with SLSA provenance.

The statement is about the bytes of the files. Our choices where the specifications leave one:

- Each material is one of `resolvedDependencies`, with its address as URI. Values without a field of their own are in
  `annotations`, under names with our prefix.
- The whole recipe is an external parameter. Its digest is one of the `byproducts`, where SLSA puts the digest of a
  fully evaluated configuration.
- The list of row ids is another byproduct, and so is that of the held-out rows. Its digest is a Merkle root, as the
  name of the algorithm says.

https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
https://github.com/in-toto/attestation/blob/main/spec/v1/resource_descriptor.md
https://slsa.dev/spec/v1.1/provenance
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from warehouse.core.atomic import written_whole
from warehouse.core.identity import canonical, text_digest
from warehouse.lineage.material import Material
from warehouse.release.layout import ATTESTATION
from warehouse.release.merkle import ALGORITHM, merkle_root

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://slsa.dev/provenance/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
BUILD_TYPE = "slingshot:build/training-set/v1"
"""One arm's training set, built from a recipe (`slingshot build`) and written as files (`slingshot export`)."""
LOCAL_BUILDER = "slingshot:builder/local/v1"
"""The person who ran Slingshot on their own machine; nobody else confirms the statement."""

ROLE, LICENCE, ORIGIN = "slingshot_role", "slingshot_licence", "slingshot_origin"
EXCEPTION, ROWS = "slingshot_exception", "slingshot_rows"
RECIPE, ROW_IDS, HELD_OUT = "recipe", "row ids", "held-out row ids"
UNLOCATED = "slingshot:name/"
"""The URI of a material without a known address and digest starts with this."""


@dataclass(frozen=True)
class Exported:
    """The files of one export. `files` has SHA-256 by path from the folder, `row_ids` the ids of the training set in
    the order of the files, and `held_out` those of the benchmark items in the split `test`.

    `override` is the reason to write them although something in them was withdrawn; None if nothing was.
    """

    arm: str
    asset: str
    version: str
    folder: Path
    files: Mapping[str, str]
    row_ids: Sequence[str]
    override: str | None = None
    held_out: Sequence[str] = ()


@dataclass(frozen=True)
class Provenance:
    """How a training set was built.

    `recipe` is a JSON value, `code` has digests by file, `run` is the id of the run that built the version, `started`
    and `finished` are its times (with a time zone). `exceptions` has a reason by the name of a material, `builder` is a
    URI of who built it, and `versions` has the versions of the software by component.
    """

    recipe: Mapping[str, Any]
    code: Mapping[str, str]
    run: str
    finished: datetime
    materials: Sequence[Material]
    started: datetime | None = None
    exceptions: Mapping[str, str] = field(default_factory=dict)
    builder: str = LOCAL_BUILDER
    versions: Mapping[str, str] = field(default_factory=dict)


class Signer(Protocol):
    """Signs bytes; `warehouse.release.signing.load_signer` gives one."""

    def envelope(self, payload: bytes, payload_type: str) -> dict[str, Any]:
        """A DSSE envelope (https://github.com/secure-systems-lab/dsse/blob/v1.0.2/envelope.md) as a JSON value."""
        ...


def recipe_digest(recipe: object) -> str:
    """The SHA-256 of the canonical JSON of a recipe, as 64 lower-case hex digits. Raises ValueError for NaN."""
    return text_digest(canonical(recipe))


def as_uri(address: str) -> str:
    """An address as a URI (RFC 3986): characters that a URI cannot contain are percent-encoded, as UTF-8."""
    return "#".join(quote(part, safe="/?:@!$&'()*+,;=") for part in address.split("#", 1))


def attestation_path(exported: Exported) -> Path:
    """The path of the attestation of exported files: in the same folder."""
    return exported.folder / f"{exported.arm}{ATTESTATION}"


def statement(exported: Exported, provenance: Provenance) -> dict[str, Any]:
    """An in-toto Statement v1 with the predicate SLSA provenance v1, as a JSON value.

    Its subjects are the files; `warehouse.release.attested.read_statement` reads it back. Raises ValueError for times
    without a zone, for NaN in the recipe, and for exceptions for something that is not among the materials.
    """
    unknown = sorted(set(provenance.exceptions) - {material.name for material in provenance.materials})
    if unknown:
        raise ValueError(f"exceptions for what is not a material: {', '.join(unknown)}")
    metadata = {"invocationId": provenance.run, "finishedOn": _timestamp(provenance.finished)}
    if provenance.started is not None:
        metadata["startedOn"] = _timestamp(provenance.started)
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": sha256}} for name, sha256 in sorted(exported.files.items())],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {"arm": exported.arm, "recipe": provenance.recipe},
                "internalParameters": {
                    "asset": exported.asset,
                    "version": exported.version,
                    "code": dict(provenance.code),
                    **({"override": exported.override} if exported.override else {}),
                },
                "resolvedDependencies": [
                    _dependency(material, provenance.exceptions.get(material.name)) for material in provenance.materials
                ],
            },
            "runDetails": {
                "builder": {"id": provenance.builder, "version": dict(provenance.versions)},
                "metadata": metadata,
                "byproducts": [
                    {"name": RECIPE, "digest": {"sha256": recipe_digest(provenance.recipe)}},
                    _ids(ROW_IDS, exported.row_ids),
                    *([_ids(HELD_OUT, exported.held_out)] if exported.held_out else []),
                ],
            },
        },
    }


def write_attestation(content: Mapping[str, Any], path: Path, signer: Signer | None = None) -> Path:
    """Write a statement to `path`, completely or not at all: as it is, or in an envelope that `signer` has signed.

    Raises OSError, ValueError for a value that JSON cannot represent, and what the signer raises.
    """
    text = canonical(content)
    if signer is not None:
        text = canonical(signer.envelope(text.encode(), PAYLOAD_TYPE))
    return written_whole(path, lambda file: file.write_bytes(text.encode() + b"\n"))


def summary(content: Mapping[str, Any]) -> list[str]:
    """A summary of a statement of ours, in lines."""
    made, ran = content["predicate"]["buildDefinition"], content["predicate"]["runDetails"]
    row_ids = next(one for one in ran["byproducts"] if one["name"] == ROW_IDS)
    recipe = next(one for one in ran["byproducts"] if one["name"] == RECIPE)
    return [
        f"files      {', '.join(one['name'] for one in content['subject'])}",
        f"rows       {row_ids['annotations'][ROWS]}, Merkle root {row_ids['digest'][ALGORITHM]}",
        f"recipe     sha256 {recipe['digest']['sha256']}",
        f"materials  {len(made['resolvedDependencies'])}",
    ]


def _ids(name: str, ids: Sequence[str]) -> dict[str, Any]:
    return {"name": name, "digest": {ALGORITHM: merkle_root(ids)}, "annotations": {ROWS: len(ids)}}


def _dependency(material: Material, exception: str | None) -> dict[str, Any]:
    annotations = {
        ROLE: material.role,
        LICENCE: material.licence,
        ORIGIN: material.origin,
        EXCEPTION: exception,
    }
    descriptor: dict[str, Any] = {
        "name": material.name,
        "annotations": {name: value for name, value in annotations.items() if value is not None},
    }
    if material.address is not None:
        descriptor["uri"] = as_uri(material.address)
    if material.sha256 is not None:
        descriptor["digest"] = {"sha256": material.sha256}
    if material.address is None and material.sha256 is None:
        # The specification requires a uri, a digest or a content, and this material has only a name.
        descriptor["uri"] = f"{UNLOCATED}{quote(material.name, safe='/')}"
    return descriptor


def _timestamp(time: datetime) -> str:
    if time.tzinfo is None:
        raise ValueError(f"{time.isoformat()} has no time zone")
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
