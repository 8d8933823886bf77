"""Reads attestations, which may come from anyone: what it hands on has the shape that it says.

Fields that are unknown are ignored and null is as good as absent, as the specifications have it
(https://github.com/in-toto/attestation/blob/main/spec/v1/README.md#parsing-rules), but for parameters of the build:
https://slsa.dev/spec/v1.1/provenance#externalParameters
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
from warehouse.lineage.material import Material
from warehouse.release.attestation import (
    BUILD_TYPE,
    PAYLOAD_TYPE,
    PREDICATE_TYPE,
    RECIPE,
    ROW_IDS,
    STATEMENT_TYPE,
    UNLOCATED,
)
from warehouse.release.merkle import ALGORITHM

# https://github.com/in-toto/attestation/blob/main/spec/v1/envelope.md#fields allows both.
PAYLOAD_TYPES = (PAYLOAD_TYPE, "application/vnd.in-toto.provenance+json")


class NoAttestation(ValueError):
    """What was read is no attestation of an export; the message says where it differs."""


@dataclass(frozen=True)
class Envelope:
    """What a DSSE envelope holds, and the signatures over that."""

    payload: bytes
    payload_type: str
    signatures: tuple[bytes, ...]


@dataclass(frozen=True)
class Attested:
    """What a statement of ours says. `files` holds SHA-256 by name, `exceptions` reasons by name of a material."""

    arm: str
    files: Mapping[str, str]
    rows: int
    root: str
    recipe: Mapping[str, Any]
    recipe_digest: str
    materials: tuple[Material, ...]
    exceptions: Mapping[str, str]


def parse(content: bytes) -> dict[str, Any]:
    """The JSON object in `content`. Raises NoAttestation, also for a key that stands twice in an object."""
    try:
        said = json.loads(content.decode(), object_pairs_hook=_distinct, parse_constant=_no_constant)
    except NoAttestation:
        raise
    except (ValueError, RecursionError) as error:
        raise NoAttestation(f"it is not JSON: {error}") from None
    try:
        # Escapes can spell half a character, and digits a number beyond all: neither has a digest.
        canonical(said).encode()
    except (ValueError, RecursionError) as error:
        raise NoAttestation(f"it holds what JSON cannot say again: {error}") from None
    if not isinstance(said, dict):
        raise NoAttestation("it is not a JSON object")
    return said


def visible(text: str) -> str:
    """`text` in one line, with what would move the cursor or hide in print spelt as escapes."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def read_envelope(said: Mapping[str, Any]) -> Envelope | None:
    """The envelope that `said` is, or None where it is a bare statement. Raises NoAttestation."""
    if "_type" in said and "payload" not in said:
        return None
    envelope = _as(_Envelope, said, "")
    if envelope.payloadType not in PAYLOAD_TYPES:
        raise NoAttestation(f"its payloadType is {envelope.payloadType!r} and not {PAYLOAD_TYPE!r}")
    return Envelope(
        _bytes(envelope.payload, "payload"),
        envelope.payloadType,
        tuple(_bytes(one.sig, "sig") for one in envelope.signatures),
    )


def read_statement(said: Mapping[str, Any]) -> Attested:
    """What `said` tells, which `warehouse.release.attestation.statement` made. Raises NoAttestation."""
    statement = _as(_Statement, said, "")
    _expect("_type", statement.type, STATEMENT_TYPE)
    _expect("predicateType", statement.predicateType, PREDICATE_TYPE)
    predicate = _as(_Predicate, statement.predicate, "predicate.")
    made, byproducts = predicate.buildDefinition, predicate.runDetails.byproducts
    _expect("buildType", made.buildType, BUILD_TYPE)
    parameters = _as(_Parameters, made.externalParameters, "predicate.buildDefinition.externalParameters.")
    names = [subject.name for subject in statement.subject]
    if len(set(names)) < len(names):
        raise NoAttestation("it names a file twice")
    row_ids, recipe = _only(byproducts, ROW_IDS), _only(byproducts, RECIPE)
    where = "predicate.buildDefinition.resolvedDependencies.annotations."
    materials = [(one, _as(_Annotations, one.annotations, where)) for one in made.resolvedDependencies]
    return Attested(
        parameters.arm,
        {subject.name: _digest(subject, "sha256") for subject in statement.subject},
        _as(_Count, row_ids.annotations, "predicate.runDetails.byproducts.annotations.").slingshot_rows,
        _digest(row_ids, ALGORITHM),
        parameters.recipe,
        _digest(recipe, "sha256"),
        tuple(_material(one, annotations) for one, annotations in materials),
        {
            one.name: annotations.slingshot_exception
            for one, annotations in materials
            if annotations.slingshot_exception
        },
    )


class _Object(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, said: Any) -> Any:
        return {name: value for name, value in said.items() if value is not None} if isinstance(said, Mapping) else said


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


def _as(shape: type[_Shape], said: Mapping[str, Any], where: str) -> _Shape:
    try:
        return shape.model_validate(said)
    except ValidationError as error:
        first = error.errors()[0]
        path = where + visible(".".join(map(str, first["loc"])))
        raise NoAttestation(f"at {path}: {first['msg'][0].lower()}{first['msg'][1:]}") from None


def _expect(field: str, found: str, right: str) -> None:
    if found != right:
        raise NoAttestation(f"its {field} is {found!r}; what can be verified is {right!r}")


def _only(byproducts: Sequence[_Descriptor], name: str) -> _Descriptor:
    found = [one for one in byproducts if one.name == name]
    if len(found) != 1:
        raise NoAttestation(f"it has {len(found)} byproducts named {name!r} and not one")
    return found[0]


def _digest(descriptor: _Descriptor, algorithm: str) -> str:
    if algorithm not in descriptor.digest:
        raise NoAttestation(f"it gives no {algorithm} of {descriptor.name!r}")
    return descriptor.digest[algorithm]


def _material(said: _Descriptor, annotations: _Annotations) -> Material:
    located = said.uri is not None and not said.uri.startswith(UNLOCATED)
    address = unquote(said.uri) if located and said.uri is not None else None
    return Material(
        annotations.slingshot_role,
        said.name,
        annotations.slingshot_licence,
        annotations.slingshot_origin,
        address=address,
        sha256=said.digest.get("sha256"),
    )


def _bytes(text: str, field: str) -> bytes:
    # DSSE allows both alphabets. Python's decoder skips over some of what is wrong, so its way back must come out.
    standard = text.replace("-", "+").replace("_", "/")
    try:
        found = base64.b64decode(standard, validate=True)
    except ValueError:
        found = b""
    if base64.b64encode(found).decode() != standard:
        raise NoAttestation(f"its {field} is not base64")
    return found


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    said = dict(pairs)
    if len(said) < len(pairs):
        raise NoAttestation("an object in it has the same key twice")
    return said


def _no_constant(name: str) -> Any:
    raise NoAttestation(f"{name} in it is not JSON")
