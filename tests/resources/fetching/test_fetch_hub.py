"""A model from a hub must have exactly the revision and bytes that the recipe declares, or results cannot be
reproduced. These tests fetch with the hub's own client from a local stand-in server."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from resources.fetching.addresses import Address
from resources.fetching.cache import Cache
from resources.fetching.tree_digest import tree_digest
from tests.support.fetching import WRONG, closed_port, refused, tree
from tests.support.hub_stand_in import COMMIT, Hub


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    model = {"config.json": b"{}", "sub/weights.bin": b"w" * 4096, ".gitattributes": b"* text"}
    data = {"train.jsonl": b'{"x": 1}\n'}
    with Hub({"models/owner/tiny": model, "datasets/owner/rows": data}).serving() as serving:
        monkeypatch.setenv("HF_ENDPOINT", serving.endpoint)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        yield serving


def test_one_file_of_a_hub_repository_is_fetched_once(hub: Hub, cache: Cache) -> None:
    address = Address.parse("hf:owner/tiny@main#sub/weights.bin")
    sha = hashlib.sha256(b"w" * 4096).hexdigest()
    found = cache.fetch(address, sha)
    assert tree(cache.root) == {found.relative_to(cache.root).as_posix(): b"w" * 4096}
    assert found.name == "weights.bin"
    assert hub.asked == [
        "GET /api/models/owner/tiny/revision/main",
        f"HEAD /owner/tiny/resolve/{COMMIT}/sub/weights.bin",
        f"GET /owner/tiny/resolve/{COMMIT}/sub/weights.bin",
    ]
    assert hub.tokens == {None}
    assert cache.fetch(address, sha) == found
    assert len(hub.asked) == 3


def test_a_dataset_file_is_fetched_with_the_token_from_the_environment(
    hub: Hub, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_stand_in")
    sha = hashlib.sha256(b'{"x": 1}\n').hexdigest()
    found = cache.fetch(Address.parse("hf:datasets/owner/rows@main#train.jsonl"), sha)
    assert found.read_bytes() == b'{"x": 1}\n'
    assert hub.asked[0] == "GET /api/datasets/owner/rows/revision/main"
    assert hub.tokens == {"Bearer hf_stand_in"}


def test_a_whole_repository_is_fetched_without_hidden_files(hub: Hub, cache: Cache, tmp_path: Path) -> None:
    (tmp_path / "same/sub").mkdir(parents=True)
    (tmp_path / "same/config.json").write_bytes(b"{}")
    (tmp_path / "same/sub/weights.bin").write_bytes(b"w" * 4096)
    found = cache.fetch(Address.parse("hf:owner/tiny@main"), tree_digest(tmp_path / "same"))
    assert found.name == "tiny"
    assert tree(found) == {"config.json": b"{}", "sub/weights.bin": b"w" * 4096}
    assert list(cache.root.glob(".*")) == []


def test_the_files_that_match_a_pattern_are_fetched(hub: Hub, cache: Cache) -> None:
    files = {
        "README.md": b"About",
        "data/b.jsonl": b"{}",
        "data/a.jsonl": b"{ }",
        "data/deep/c.jsonl": b"",
        "data/d.csv": b"",
    }
    hub.repos["datasets/owner/shards"] = files
    address = Address.parse("hf:datasets/owner/shards@main#data/*.jsonl")
    pinned, sha = cache.pin(address)
    assert str(pinned) == f"hf:datasets/owner/shards@{COMMIT}#data/*.jsonl"
    found = cache.fetch(pinned, sha)
    assert tree(found) == {"a.jsonl": b"{ }", "b.jsonl": b"{}"}
    assert sha == tree_digest(found)
    assert not [asked for asked in hub.asked if "GET" in asked and ("README" in asked or "d.csv" in asked)]
    before = len(hub.asked)
    assert cache.fetch(pinned, sha) == found
    assert len(hub.asked) == before


def test_a_pattern_that_matches_nothing_and_a_wrong_hash_are_errors(hub: Hub, cache: Cache) -> None:
    assert refused(cache, "hf:datasets/owner/rows@main#*.jsnl", WRONG) == (
        "the repository has no '*.jsnl'; the nearest names are 'train.jsonl'"
    )
    assert refused(cache, "hf:datasets/owner/rows@main#*.jsonl", WRONG).startswith(
        f"the files that match (tree_digest) is not what was named, expected sha256 {WRONG}, found "
    )


def test_each_hub_failure_gives_a_one_sentence_error(hub: Hub, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    config = hashlib.sha256(b"{}").hexdigest()
    assert refused(cache, "hf:owner/tiny@main#config.json", WRONG) == (
        f"the file is not what was named, expected sha256 {WRONG}, found {config}"
    )
    assert refused(cache, "hf:owner/tiny@main", WRONG).startswith(
        f"the snapshot (tree_digest) is not what was named, expected sha256 {WRONG}, found "
    )
    assert refused(cache, "hf:owner/tiny@main#config.jsn", config) == (
        "the repository has no 'config.jsn'; the nearest names are 'config.json'"
    )
    assert refused(cache, "hf:owner/tiny@v9#config.json", config) == "the repository has no revision 'v9'"
    assert refused(cache, "hf:owner/none@main", config) == (
        f"the hub {hub.endpoint} shows no such repository; a private or gated one needs HF_TOKEN set"
    )
    closed = f"http://127.0.0.1:{closed_port()}"
    monkeypatch.setenv("HF_ENDPOINT", closed)
    for address in ("hf:owner/tiny@main", "hf:owner/tiny@main#config.json"):
        assert refused(cache, address, config) == (f"the hub {closed} cannot be read: [Errno 111] Connection refused")
