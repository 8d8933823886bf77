"""Reads attestations. They may come from anyone, so types and fields are checked.

As the specifications say, unknown fields are ignored and null means absent
(https://github.com/in-toto/attestation/blob/main/spec/v1/README.md#parsing-rules), except among the parameters of the
build: https://slsa.dev/spec/v1.1/provenance#externalParameters
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from warehouse.core.identity import canonical
from warehouse.core.visible import visible
from warehouse.lineage.material import Material
from warehouse.release.attestation import (
    BUILD_TYPE,
    HELD_OUT,
    PAYLOAD_TYPE,
    PREDICATE_TYPE,
    RECIPE,
    ROW_IDS,
    STATEMENT_TYPE,
    UNLOCATED,
)
from warehouse.release.merkle import ALGORITHM

# Both are allowed: https://github.com/in-toto/attestation/blob/main/spec/v1/envelope.md#fields
PAYLOAD_TYPES = (PAYLOAD_TYPE, "application/vnd.in-toto.provenance+json")


class InvalidAttestation(ValueError):
    """What was read is not an attestation of an export; the message says where it differs."""


@dataclass(frozen=True)
class Envelope:
    """The content of a DSSE envelope, and the signatures of it."""

    payload: bytes
    payload_type: str
    signatures: tuple[bytes, ...]


@dataclass(frozen=True)
class Attested:
    """The content of a statement of ours. `files` has SHA-256 by name, `exceptions` a reason by name of a material.

    `rows` counts the row ids whose Merkle root is `root`; `held_out` has both for the split `test`, if there is one."""

    arm: str
    files: Mapping[str, str]
    rows: int
    root: str
    recipe: Mapping[str, Any]
    recipe_digest: str
    materials: tuple[Material, ...]
    exceptions: Mapping[str, str]
    held_out: tuple[int, str] | None = None


def parse(content: bytes) -> dict[str, Any]:
    """The JSON object in `content`. Raises InvalidAttestation, also if an object has the same key twice."""
    try:
        value = json.loads(content.decode(), object_pairs_hook=_distinct, parse_constant=_no_constant)
    except InvalidAttestation:
        raise
    except (ValueError, RecursionError) as error:
        raise InvalidAttestation(f"it is not JSON: {error}") from None
    try:
        # An escape can be half of a surrogate pair, and a number can be too large for a float: neither has a digest.
        canonical(value).encode()
    except (ValueError, RecursionError) as error:
        raise InvalidAttestation(f"it has a value that JSON cannot represent: {error}") from None
    if not isinstance(value, dict):
        raise InvalidAttestation("it is not a JSON object")
    return value


def read_envelope(content: Mapping[str, Any]) -> Envelope | None:
    """The envelope in `content`, or None if it is a statement without an envelope. Raises InvalidAttestation."""
    if "_type" in content and "payload" not in content:
        return None
    envelope = _checked(_Envelope, content, "")
    if envelope.payloadType not in PAYLOAD_TYPES:
        raise InvalidAttestation(f"its payloadType is {envelope.payloadType!r}, not {PAYLOAD_TYPE!r}")
    return Envelope(
        _bytes(envelope.payload, "payload"),
        envelope.payloadType,
        tuple(_bytes(one.sig, "sig") for one in envelope.signatures),
    )


def read_statement(content: Mapping[str, Any]) -> Attested:
    """Read a statement that `warehouse.release.attestation.statement` made. Raises InvalidAttestation."""
    statement = _checked(_Statement, content, "")
    _expect("_type", statement.type, STATEMENT_TYPE)
    _expect("predicateType", statement.predicateType, PREDICATE_TYPE)
    predicate = _checked(_Predicate, statement.predicate, "predicate.")
    made, byproducts = predicate.buildDefinition, predicate.runDetails.byproducts
    _expect("buildType", made.buildType, BUILD_TYPE)
    parameters = _checked(_Parameters, made.externalParameters, "predicate.buildDefinition.externalParameters.")
    names = [subject.name for subject in statement.subject]
    if len(set(names)) < len(names):
        raise InvalidAttestation("it lists a file twice")
    (rows, root), recipe = _counted(_only(byproducts, ROW_IDS)), _only(byproducts, RECIPE)
    where = "predicate.buildDefinition.resolvedDependencies.annotations."
    materials = [(one, _checked(_Annotations, one.annotations, where)) for one in made.resolvedDependencies]
    return Attested(
        parameters.arm,
        {subject.name: _digest(subject, "sha256") for subject in statement.subject},
        rows,
        root,
        parameters.recipe,
        _digest(recipe, "sha256"),
        tuple(_material(one, annotations) for one, annotations in materials),
        {
            one.name: annotations.slingshot_exception
            for one, annotations in materials
            if annotations.slingshot_exception
        },
        _counted(_only(byproducts, HELD_OUT)) if any(one.name == HELD_OUT for one in byproducts) else None,
    )


class _Object(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, content: Any) -> Any:
        if not isinstance(content, Mapping):
            return content
        return {name: value for name, value in content.items() if value is not None}


class _Signature(_Object):
    sig: str


class _Envelope(_Object):
    payload: str
    payloadType: str
    signatures: list[_Signature] = Field(min_length=1)


class _Descriptor(_Object):
    name: str = ""
    uri: str | None = None
    digest: dict[str, str] = {}
    annotations: dict[str, Any] = {}


class _Statement(_Object):
    type: str = Field(alias="_type")
    subject: list[_Descriptor] = Field(min_length=1)
    predicateType: str
    predicate: dict[str, Any] = {}


class _BuildDefinition(_Object):
    buildType: str
    externalParameters: dict[str, Any]
    resolvedDependencies: list[_Descriptor] = []


class _RunDetails(_Object):
    byproducts: list[_Descriptor]


class _Predicate(_Object):
    buildDefinition: _BuildDefinition
    runDetails: _RunDetails


class _Parameters(_Object):
    model_config = ConfigDict(extra="forbid", strict=True)

    arm: str
    recipe: dict[str, Any]


class _Annotations(_Object):
    slingshot_role: Literal["model", "source", "ancestor"]
    slingshot_licence: str
    slingshot_origin: str | None = None
    slingshot_exception: str | None = None


class _Count(_Object):
    slingshot_rows: int = Field(ge=0)


_Shape = TypeVar("_Shape", bound=_Object)


def _checked(shape: type[_Shape], content: Mapping[str, Any], where: str) -> _Shape:
    try:
        return shape.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        path = where + visible(".".join(map(str, first["loc"])), kept="")
        raise InvalidAttestation(f"at {path}: {first['msg'][0].lower()}{first['msg'][1:]}") from None


def _expect(field: str, found: str, expected: str) -> None:
    if found != expected:
        raise InvalidAttestation(f"its {field} is {found!r}; only {expected!r} can be verified")


def _only(byproducts: Sequence[_Descriptor], name: str) -> _Descriptor:
    found = [one for one in byproducts if one.name == name]
    if len(found) != 1:
        raise InvalidAttestation(f"it has {len(found)} byproducts with the name {name!r}, not one")
    return found[0]


def _counted(descriptor: _Descriptor) -> tuple[int, str]:
    """(count, Merkle root) of a list of ids."""
    counted = _checked(_Count, descriptor.annotations, "predicate.runDetails.byproducts.annotations.")
    return counted.slingshot_rows, _digest(descriptor, ALGORITHM)


def _digest(descriptor: _Descriptor, algorithm: str) -> str:
    if algorithm not in descriptor.digest:
        raise InvalidAttestation(f"it has no {algorithm} of {descriptor.name!r}")
    return descriptor.digest[algorithm]


def _material(descriptor: _Descriptor, annotations: _Annotations) -> Material:
    uri = descriptor.uri
    address = None if uri is None or uri.startswith(UNLOCATED) else unquote(uri)
    return Material(
        annotations.slingshot_role,
        descriptor.name,
        annotations.slingshot_licence,
        annotations.slingshot_origin,
        address=address,
        sha256=descriptor.digest.get("sha256"),
    )


def _bytes(text: str, field: str) -> bytes:
    # DSSE allows both alphabets. Python's decoder accepts some invalid texts, so the encoded bytes must equal the text.
    standard = text.replace("-", "+").replace("_", "/")
    try:
        found = base64.b64decode(standard, validate=True)
    except ValueError:
        found = b""
    if base64.b64encode(found).decode() != standard:
        raise InvalidAttestation(f"its {field} is not base64")
    return found


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise InvalidAttestation("an object in it has the same key twice")
    return found


def _no_constant(name: str) -> Any:
    raise InvalidAttestation(f"it contains {name}, which is not JSON")
