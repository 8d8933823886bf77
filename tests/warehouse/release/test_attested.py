"""A file that claims to be an attestation may come from anyone. An invalid one is refused with the place where it
differs; what the specifications allow to vary (formatting, unknown fields, null) changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.attesting import FILES, attested, exported, reread
from warehouse.release.attestation import Exported
from warehouse.release.verification import NotVerified, verify

MADE, RAN = "predicate__buildDefinition", "predicate__runDetails"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return exported(tmp_path_factory.mktemp("exported"))


def refused(path: Path) -> str:
    with pytest.raises(NotVerified) as error:
        verify(path)
    return str(error.value)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (("_type", "https://in-toto.io/Statement/v0.1"), "its _type is 'https://in-toto.io/Statement/v0.1'; only "
         "'https://in-toto.io/Statement/v1' can be verified"),
        (("predicateType", "https://slsa.dev/provenance/v0.2"), "its predicateType is "
         "'https://slsa.dev/provenance/v0.2'; only 'https://slsa.dev/provenance/v1' can be verified"),
        ((f"{MADE}__buildType", "x:y"), "its buildType is 'x:y'; only "
         "'slingshot:build/training-set/v1' can be verified"),
        ((f"{MADE}__externalParameters__seed", 1), "at predicate.buildDefinition.externalParameters.seed: extra inputs "
         "are not permitted"),
        ((f"{MADE}__resolvedDependencies__0__annotations__slingshot_licence", ...), "at predicate.buildDefinition."
         "resolvedDependencies.annotations.slingshot_licence: field required"),
        ((f"{RAN}__byproducts__1__annotations__slingshot_rows", "3"), "at predicate.runDetails.byproducts.annotations."
         "slingshot_rows: input should be a valid integer"),
        ((f"{RAN}__byproducts__1__name", "rows"), "it has 0 byproducts with the name 'row ids', not one"),
        ((f"{RAN}__byproducts__0__digest", {"md5": "x"}), "it has no sha256 of 'recipe'"),
        (("subject__1__digest", None), f"it has no sha256 of {FILES[1]!r}"),
        (("subject__1__name", FILES[0]), "it lists a file twice"),
        (("subject", []), "at subject: list should have at least 1 item after validation, not 0"),
        (("predicate", None), "at predicate.buildDefinition: field required"),
    ],
)  # fmt: skip
def test_a_statement_of_another_kind_or_shape_is_refused_by_field(
    files: Exported, changed: tuple[str, Any], message: str
) -> None:
    path = attested(files, **dict([changed]))
    assert refused(path) == f"{path} is not an attestation of an export: {message}"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is not JSON: Expecting value: line 1 column 1 (char 0)"),
        (b"PAR1\xff", "it is not JSON: 'utf-8' codec can't decode byte 0xff in position 4: invalid start byte"),
        (b"[]", "it is not a JSON object"),
        (b"{}", "at payload: field required"),
        (b'{"_type": "a", "_type": "b"}', "an object in it has the same key twice"),
        (b'{"_type": NaN}', "it contains NaN, which is not JSON"),
        (
            b'{"_type": 1e999}',
            "it has a value that JSON cannot represent: Out of range float values are not JSON compliant",
        ),
        (b'{"_type": 1}', "at _type: input should be a valid string"),
    ],
)
def test_a_file_that_is_not_an_attestation_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    assert refused(path) == f"{path} is not an attestation of an export: {message}"


def test_deeply_nested_json_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("[" * 200_000)
    assert refused(path).startswith(f"{path} is not an attestation of an export: it is not JSON: ")


def test_half_a_surrogate_pair_is_refused(files: Exported) -> None:
    path = attested(files)
    path.write_text(path.read_text(encoding="utf-8").replace('"writer"', '"\\ud800"'), encoding="utf-8")
    assert refused(path).startswith(
        f"{path} is not an attestation of an export: it has a value that JSON cannot represent: 'utf-8'"
    )


def test_unknown_fields_are_ignored_and_null_means_absent(files: Exported) -> None:
    right = verify(attested(files))
    path = attested(
        files,
        vendor_note={"x": 1},
        subject__0__vendor_form="alpaca",
        subject__0__annotations=None,
        predicate__vendor_note=1,
        **{f"{MADE}__internalParameters": None, f"{MADE}__resolvedDependencies__2__digest": None},
    )
    assert replace(verify(path), digest=right.digest) == right


@pytest.mark.parametrize("form", [lambda value: json.dumps(value, indent=2), lambda value: json.dumps(value)])
def test_any_formatting_of_the_same_json_verifies(files: Exported, form: Callable[[Any], str]) -> None:
    path = attested(files)
    right = verify(path)
    path.write_text(form(reread(path)), encoding="utf-8")
    assert replace(verify(path), digest=right.digest) == right
