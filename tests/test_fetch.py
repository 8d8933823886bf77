"""A build is only as reproducible, and as safe, as the bytes it starts from.

Wrong bytes, half an archive after a kill, or an archive that writes outside its folder must never look like a
fetched model. Everything here is the real thing on loopback: pip, zip files, the hub's own client.
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_stand_in import COMMIT, Hub

from resources import fetch as fetching
from resources.addresses import Address
from resources.fetch import STALE_SECONDS, Cache, FetchError, file_digest, tree_digest

FILES = {"toy/data/a.json": b'{"a": 1}', "toy/data/deep/b.txt": b"b", "toy/__init__.py": b"raise SystemExit"}
A = "pypi:toy==1.0#toy/data/a.json"
WRONG = "0123456789abcdef" * 4


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for the only registry there is."""
    folder = tmp_path / "registry"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache", base=tmp_path)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    model = {"config.json": b"{}", "sub/weights.bin": b"w" * 4096, ".gitattributes": b"* text"}
    data = {"train.jsonl": b'{"x": 1}\n'}
    with Hub({"models/owner/tiny": model, "datasets/owner/rows": data}).serving() as serving:
        monkeypatch.setenv("HF_ENDPOINT", serving.endpoint)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        yield serving


def wheel(registry: Path, files: dict[str, bytes], version: str = "1.0", link: str | None = None) -> str:
    """Write toy-<version>-py3-none-any.whl and give its sha256; `link` adds a symlink of that name."""
    info = f"toy-{version}.dist-info"
    meta = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: toy\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }
    path = registry / f"toy-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, body in {**files, **meta}.items():
            archive.writestr(zipfile.ZipInfo(name), body)
        if link:
            entry = zipfile.ZipInfo(link)
            entry.external_attr = 0o120777 << 16
            archive.writestr(entry, "/etc/passwd")
    return file_digest(path)


def refused(cache: Cache, address: str, sha256: str) -> str:
    """The message of the FetchError, without its start; nothing may be left in the cache."""
    with pytest.raises(FetchError) as error:
        cache.fetch(Address.parse(address), sha256)
    assert list(cache.root.glob("**/*")) == []
    return str(error.value).removeprefix(f"cannot fetch {address}: ")


def tree(folder: Path) -> dict[str, bytes]:
    """Relative name and bytes of every file below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_one_file_of_a_wheel_is_kept_and_the_wheel_is_not(registry: Path, cache: Cache) -> None:
    sha = wheel(registry, FILES)
    found = cache.fetch(Address.parse(A), sha)
    assert found.name == "a.json"
    assert tree(cache.root) == {found.relative_to(cache.root).as_posix(): FILES["toy/data/a.json"]}
    assert found.parents[1] == cache.root / sha


def test_a_folder_and_a_file_of_one_wheel_lie_side_by_side(registry: Path, cache: Cache) -> None:
    sha = wheel(registry, FILES)
    file = cache.fetch(Address.parse(A), sha)
    folder = cache.fetch(Address.parse("pypi:toy==1.0#toy/data/"), sha)
    assert folder.name == "data"
    assert tree(folder) == {"a.json": b'{"a": 1}', "deep/b.txt": b"b"}
    assert file.parents[1] == folder.parents[1] == cache.root / sha


def test_a_second_fetch_touches_neither_pip_nor_the_registry(
    registry: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = wheel(registry, FILES)
    first = cache.fetch(Address.parse(A), sha)
    monkeypatch.setattr(subprocess, "run", None)
    assert Cache(cache.root).fetch(Address.parse(A), sha.upper()) == first


def test_wrong_bytes_are_refused_before_the_archive_is_opened(
    registry: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = wheel(registry, FILES)
    monkeypatch.setattr(zipfile, "ZipFile", None)
    assert refused(cache, A, WRONG) == (
        f"toy-1.0-py3-none-any.whl is not what was named, expected sha256 {WRONG}, found {sha}"
    )


def test_a_new_version_with_the_old_hash_is_not_taken_for_fetched(registry: Path, cache: Cache) -> None:
    old, new = wheel(registry, FILES), wheel(registry, {**FILES, "toy/data/a.json": b"new"}, "2.0")
    cache.fetch(Address.parse(A), old)
    with pytest.raises(FetchError, match=f"expected sha256 {old}, found {new}"):
        cache.fetch(Address.parse(A.replace("1.0", "2.0")), old)


def test_a_missing_member_names_its_neighbours(registry: Path, cache: Cache) -> None:
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
def test_a_wheel_that_climbs_writes_nothing(registry: Path, cache: Cache, evil: str, inner: str) -> None:
    sha = wheel(registry, {**FILES, evil: b"evil"})
    if (evil, inner) == ("toy/data/../escape", "toy/data/a.json"):
        assert cache.fetch(Address.parse(A), sha).read_bytes() == FILES["toy/data/a.json"]
    else:
        assert refused(cache, f"pypi:toy==1.0#{inner}", sha) == (
            f"the wheel's member {evil!r} would be written outside its folder"
        )
    assert list(cache.root.parent.rglob("escape")) == []


def test_a_symlink_in_a_wheel_is_refused_where_it_is_asked_for(registry: Path, cache: Cache) -> None:
    sha = wheel(registry, FILES, link="toy/data/passwd")
    message = "the wheel's member 'toy/data/passwd' is a link or encrypted"
    assert refused(cache, "pypi:toy==1.0#toy/data/passwd", sha) == message
    assert refused(cache, "pypi:toy==1.0#toy/data/", sha) == message
    assert not cache.fetch(Address.parse(A), sha).is_symlink()


def test_a_damaged_archive_with_the_named_hash_is_one_clear_error(registry: Path, cache: Cache) -> None:
    wheel(registry, FILES)
    path = registry / "toy-1.0-py3-none-any.whl"
    path.write_bytes(path.read_bytes().replace(b'{"a": 1}', b'{"a": 2}'))
    assert refused(cache, A, file_digest(path)) == (
        "toy-1.0-py3-none-any.whl is not a readable wheel: Bad CRC-32 for file 'toy/data/a.json'"
    )


def test_a_version_or_a_project_that_is_not_there(registry: Path, cache: Cache) -> None:
    sha = wheel(registry, FILES)
    assert refused(cache, "pypi:toy==3.0#toy/data/a.json", sha) == (
        "the registry offers no wheel of version 3.0; the newest it offers: 1.0"
    )
    assert refused(cache, "pypi:toi==1.0#toy/data/a.json", sha) == "the registry offers no wheel of a project 'toi'"


def test_an_unreachable_registry_is_told_apart_from_a_missing_project(
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


def closed_port() -> int:
    """A loopback port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_what_a_killed_process_left_is_never_present_and_goes_when_stale(registry: Path, cache: Cache) -> None:
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


def test_a_process_killed_while_it_extracts_leaves_nothing_that_counts(registry: Path, cache: Cache) -> None:
    sha = wheel(registry, FILES)
    script = (
        "import os, shutil, sys; from pathlib import Path\n"
        "from resources.addresses import Address; from resources.fetch import Cache\n"
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


def test_two_processes_that_fetch_the_same_at_once_both_succeed(registry: Path, cache: Cache) -> None:
    sha = wheel(registry, FILES)
    script = (
        "import sys; from pathlib import Path\n"
        "from resources.addresses import Address; from resources.fetch import Cache\n"
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


def test_the_loser_of_the_race_takes_the_winners_copy(
    registry: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = wheel(registry, FILES)
    extract = fetching._extract

    def slowly(archive: zipfile.ZipFile, address: Address, target: Path) -> None:
        extract(archive, address, target)
        monkeypatch.setattr(fetching, "_extract", extract)
        winner = Cache(cache.root).fetch(address, sha)
        winner.write_bytes(b"winner")

    monkeypatch.setattr(fetching, "_extract", slowly)
    assert cache.fetch(Address.parse(A), sha).read_bytes() == b"winner"
    assert list(cache.root.glob(".*")) == []


@pytest.mark.parametrize("placeholder", ["", "TODO", "sha256:" + WRONG, "0" * 64, "f" * 63])
def test_a_placeholder_is_refused_before_anything_is_asked(cache: Cache, placeholder: str) -> None:
    assert refused(cache, A, placeholder) == (
        f"its sha256 is still a placeholder, {placeholder!r}; right would be the 64 hex digits of the wheel"
    )


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


def test_an_unchanged_local_file_is_read_once_a_process(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    (cache.base / "seeds.jsonl").write_bytes(b"one")
    address, sha = Address.parse("path:seeds.jsonl"), hashlib.sha256(b"one").hexdigest()
    cache.fetch(address, sha)
    monkeypatch.setattr(fetching, "file_digest", None)
    assert cache.fetch(address, sha) == cache.base / "seeds.jsonl"


def test_a_local_folder_is_named_by_its_tree_digest(cache: Cache) -> None:
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
def test_names_that_could_imitate_another_tree_have_no_digest(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(FetchError, match="holds a line break or a backslash"):
        tree_digest(tmp_path)


def test_a_link_to_a_folder_has_no_digest_but_a_link_to_a_file_has_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "linked").mkdir()
    (tmp_path / "plain/a").write_bytes(b"a")
    (tmp_path / "linked/a").symlink_to("../plain/a")
    assert tree_digest(tmp_path / "linked") == tree_digest(tmp_path / "plain")
    (tmp_path / "linked/b").symlink_to("../plain")
    with pytest.raises(FetchError, match="'b' is a link to a folder or a device"):
        tree_digest(tmp_path / "linked")


def test_one_file_of_a_hub_repository(hub: Hub, cache: Cache) -> None:
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


def test_a_file_of_a_dataset_and_the_token_that_was_set(
    hub: Hub, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_stand_in")
    sha = hashlib.sha256(b'{"x": 1}\n').hexdigest()
    found = cache.fetch(Address.parse("hf:datasets/owner/rows@main#train.jsonl"), sha)
    assert found.read_bytes() == b'{"x": 1}\n'
    assert hub.asked[0] == "GET /api/datasets/owner/rows/revision/main"
    assert hub.tokens == {"Bearer hf_stand_in"}


def test_a_whole_repository_is_its_visible_files(hub: Hub, cache: Cache, tmp_path: Path) -> None:
    (tmp_path / "same/sub").mkdir(parents=True)
    (tmp_path / "same/config.json").write_bytes(b"{}")
    (tmp_path / "same/sub/weights.bin").write_bytes(b"w" * 4096)
    found = cache.fetch(Address.parse("hf:owner/tiny@main"), tree_digest(tmp_path / "same"))
    assert found.name == "tiny"
    assert tree(found) == {"config.json": b"{}", "sub/weights.bin": b"w" * 4096}
    assert list(cache.root.glob(".*")) == []


def test_each_way_a_hub_can_fail_is_one_sentence(hub: Hub, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_a_cache_that_cannot_be_written_is_an_error_of_the_same_kind(registry: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_bytes(b"a file")
    with pytest.raises(FetchError, match=r"cannot fetch pypi:toy==1\.0#toy/data/a\.json: \[Errno \d+\] .*taken"):
        Cache(tmp_path / "taken").fetch(Address.parse(A), wheel(registry, FILES))
