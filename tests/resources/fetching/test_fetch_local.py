"""Local files and folders are used in place and may change at any time. These tests check that their bytes are compared
with the recipe's hash at every use, and that a folder's digest covers names and contents."""

from __future__ import annotations

import hashlib
import re
import subprocess
from pathlib import Path

import pytest

from resources.fetching import cache as fetching
from resources.fetching.addresses import Address
from resources.fetching.cache import Cache
from resources.fetching.errors import FetchError
from resources.fetching.globs import files_at
from resources.fetching.tree_digest import tree_digest
from tests.support.fetching import refused


def test_a_local_file_is_used_in_place_and_checked_every_time(cache: Cache) -> None:
    file = cache.base / "seeds.jsonl"
    file.write_bytes(b"one")
    sha = hashlib.sha256(b"one").hexdigest()
    for address in ("path:seeds.jsonl", f"path:{file}"):
        assert cache.fetch(Address.parse(address), sha) == file
    file.write_bytes(b"other")
    assert refused(cache, "path:seeds.jsonl", sha) == (
        f"{file} is not what was named, expected sha256 {sha}, found {hashlib.sha256(b'other').hexdigest()}"
    )
    assert refused(cache, "path:nowhere", sha) == (
        f"no file or folder is at {cache.base / 'nowhere'}; relative paths start at {cache.base}"
    )


def test_a_file_without_a_hash_is_not_found(cache: Cache) -> None:
    (cache.base / "seeds.jsonl").write_bytes(b"one")
    for address in ("path:seeds.jsonl", "path:nowhere"):
        assert cache.find(Address.parse(address), "unpinned") is None


def test_an_unchanged_local_file_is_hashed_once_per_process(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    (cache.base / "seeds.jsonl").write_bytes(b"one")
    address, sha = Address.parse("path:seeds.jsonl"), hashlib.sha256(b"one").hexdigest()
    cache.fetch(address, sha)
    monkeypatch.setattr(fetching, "file_digest", None)
    assert cache.fetch(address, sha) == cache.base / "seeds.jsonl"


def test_a_local_folder_is_identified_by_its_tree_digest(cache: Cache) -> None:
    folder = cache.base / "docs"
    (folder / "b").mkdir(parents=True)
    (folder / ".git").mkdir()
    for name, body in {"b/x.txt": b"x", "b.txt": b"b", ".hidden": b"h", ".git/c": b"c"}.items():
        (folder / name).write_bytes(body)
    lines = [f"{hashlib.sha256(b).hexdigest()}  {name}\n" for name, b in (("b.txt", b"b"), ("b/x.txt", b"x"))]
    assert tree_digest(folder) == hashlib.sha256("".join(lines).encode()).hexdigest()
    assert cache.fetch(Address.parse("path:docs"), tree_digest(folder)) == folder
    documented = re.search(r"`(find .*)`", tree_digest.__doc__ or "")
    assert documented
    by_hand = subprocess.run(documented[1], shell=True, cwd=folder, capture_output=True, text=True)
    assert by_hand.stdout == f"{tree_digest(folder)}  -\n"


@pytest.mark.parametrize("name", ["line\nbreak", "back\\slash"])
def test_file_names_that_make_a_digest_ambiguous_are_rejected(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(FetchError, match="holds a line break or a backslash"):
        tree_digest(tmp_path)


def test_a_link_to_a_folder_is_rejected_and_a_link_to_a_file_counts_as_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "linked").mkdir()
    (tmp_path / "plain/a").write_bytes(b"a")
    (tmp_path / "linked/a").symlink_to("../plain/a")
    assert tree_digest(tmp_path / "linked") == tree_digest(tmp_path / "plain")
    (tmp_path / "linked/b").symlink_to("../plain")
    with pytest.raises(FetchError, match="'b' is a link to a folder or a device"):
        tree_digest(tmp_path / "linked")


def test_the_files_of_a_pattern_are_identified_by_the_tree_digest_of_their_names(cache: Cache) -> None:
    for name in ("a.jsonl", "b.jsonl", "c.csv", ".d.jsonl", "deep/e.jsonl"):
        file = cache.base / "rows" / name
        file.parent.mkdir(exist_ok=True, parents=True)
        file.write_bytes(name.encode())
    address = Address.parse("path:rows/*.jsonl")
    lines = [f"{hashlib.sha256(name.encode()).hexdigest()}  {name}\n" for name in ("a.jsonl", "b.jsonl")]
    sha = hashlib.sha256("".join(lines).encode()).hexdigest()
    assert cache.pin(address) == (address, sha)
    place = cache.fetch(address, sha)
    assert list(files_at(place)) == ["a.jsonl", "b.jsonl"]
    assert cache.find(address, sha) == place
    whole = Address.parse("path:rows")
    assert cache.pin(Address.parse("path:rows/**"))[1] == cache.pin(whole)[1]
    (cache.base / "rows/c.csv").write_bytes(b"other")
    assert cache.fetch(address, sha) == place
    (cache.base / "rows/f.jsonl").write_bytes(b"one more")
    assert "is not what was named, expected sha256" in refused(cache, str(address), sha)
    assert refused(cache, "path:rows/*.tsv", sha) == (
        f"no file matches {cache.base / 'rows/*.tsv'}; relative paths start at {cache.base}"
    )
    assert refused(cache, "path:nowhere/*.tsv", sha).startswith("no file matches ")


def test_a_file_whose_name_looks_like_a_pattern_is_itself(cache: Cache) -> None:
    (cache.base / "a[1].jsonl").write_bytes(b"one")
    (cache.base / "a1.jsonl").write_bytes(b"other")
    address, sha = Address.parse("path:a[1].jsonl"), hashlib.sha256(b"one").hexdigest()
    assert cache.pin(address) == (address, sha)
    assert cache.fetch(address, sha) == cache.base / "a[1].jsonl"
