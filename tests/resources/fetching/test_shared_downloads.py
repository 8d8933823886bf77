"""Machines of a team download each file once, and take it from their store then, also where no registry is reached.
Nobody may slip in another file: the hash of the recipe is compared with what comes from the store too."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from resources.fetching.addresses import Address
from resources.fetching.cache import Cache
from resources.fetching.errors import FetchError
from resources.fetching.tree_digest import tree_digest
from tests.support.fetching import closed_port, tree, wheel
from tests.support.hub_stand_in import Hub
from tests.support.object_store import new_bucket, s3_server
from warehouse.store.file_store import FileStore, StoreError

FILES = {"toy/data/a.json": b'{"a": 1}', "toy/data/deep/b.txt": b"b"}
HUB = {"config.json": b"{}", "sub/weights.bin": b"w" * 4096, ".gitattributes": b"* text"}


@pytest.fixture(scope="module")
def _server() -> Iterator[None]:
    with s3_server():
        yield


@pytest.fixture
def store(_server: None) -> FileStore:
    return FileStore(new_bucket())


def test_a_wheel_is_downloaded_once_for_all_machines_and_addresses(
    registry: Path, store: FileStore, tmp_path: Path
) -> None:
    sha = wheel(registry, FILES)
    first = Cache(tmp_path / "one", store=store).fetch(Address.parse("pypi:toy==1.0#toy/data/a.json"), sha)
    (registry / "toy-1.0-py3-none-any.whl").unlink()
    other = Cache(tmp_path / "other", store=store)
    found = other.fetch(Address.parse("pypi:toy==1.0#toy/data/"), sha)
    assert tree(found) == {"a.json": b'{"a": 1}', "deep/b.txt": b"b"}
    assert other.fetch(Address.parse("pypi:toy==1.0#toy/data/a.json"), sha).read_bytes() == first.read_bytes()
    with pytest.raises(FetchError, match="offers no wheel"):
        Cache(tmp_path / "alone").fetch(Address.parse("pypi:toy==1.0#toy/data/"), sha)


def test_files_and_repositories_of_a_hub_are_downloaded_once(
    store: FileStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    for name, body in HUB.items():
        (tmp_path / "same" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "same" / name).write_bytes(body)
    wanted = {
        "hf:owner/tiny@main": tree_digest(tmp_path / "same"),
        "hf:owner/tiny@main#sub/weights.bin": hashlib.sha256(b"w" * 4096).hexdigest(),
    }
    one, other = (Cache(tmp_path / name, store=store) for name in ("one", "other"))
    with Hub({"models/owner/tiny": HUB}).serving() as serving:
        monkeypatch.setenv("HF_ENDPOINT", serving.endpoint)
        first = {address: one.fetch(Address.parse(address), sha) for address, sha in wanted.items()}
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{closed_port()}")
    for address, sha in wanted.items():
        found = other.fetch(Address.parse(address), sha)
        assert found.relative_to(other.root) == first[address].relative_to(one.root)
        assert found.is_file() == first[address].is_file()
        assert found.read_bytes() == b"w" * 4096 if found.is_file() else tree(found) == tree(first[address])


def test_another_wheel_under_the_same_hash_is_refused(registry: Path, store: FileStore, tmp_path: Path) -> None:
    """A person who can write to the store can write its lists too. The hash of the recipe is compared all the same."""
    sha = wheel(registry, FILES)
    Cache(tmp_path / "one", store=store).fetch(Address.parse("pypi:toy==1.0#toy/data/"), sha)
    wheel(registry, FILES | {"toy/data/a.json": b"poison"})
    store.put(f"downloads/{sha}", registry / "toy-1.0-py3-none-any.whl")
    other = Cache(tmp_path / "other", store=store)
    with pytest.raises(StoreError, match=f"{store.url}/downloads/{sha} is not what .* names: .* delete it"):
        other.fetch(Address.parse("pypi:toy==1.0#toy/data/"), sha)
    assert tree(other.root) == {}
