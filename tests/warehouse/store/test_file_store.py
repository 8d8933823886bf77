"""Machines that share no disk share checkpoints and downloads here. What comes from there decides rows, so a half
upload, a changed file or a list that leads elsewhere must never be taken for what was stored."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import pytest

from tests.support.object_store import new_bucket, s3_server
from warehouse.core.identity import file_digest
from warehouse.store.file_store import FileStore, StoreError

KEY = "checkpoints/one"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with s3_server() as address:
        yield address


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> FileStore:
    if request.param == "folder":
        return FileStore(str(tmp_path / "shared"))
    request.getfixturevalue("server")
    return FileStore(new_bucket())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return written(tmp_path / "mine", {"weights": "a" * 100_000, "sub/settings.json": "{}", ".hidden": "x"})


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def read(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def put_text(store: FileStore, name: str, text: str) -> None:
    """Writes behind the back of the store."""
    system, root = fsspec.url_to_fs(store.url)
    system.pipe_file(f"{root}/{KEY}/{name}", text.encode())


def test_what_is_put_is_got_whole_and_hidden_files_stay(store: FileStore, folder: Path, tmp_path: Path) -> None:
    assert not store.has(KEY)
    assert not store.get(KEY, tmp_path / "other")
    store.put(KEY, folder)
    assert store.has(KEY)
    written(tmp_path / "other", {"older": "to be replaced"})
    assert store.get(KEY, tmp_path / "other")
    assert read(tmp_path / "other") == {"weights": "a" * 100_000, "sub/settings.json": "{}"}
    assert sorted(path.name for path in tmp_path.glob(".*.part")) == []


def test_a_single_file_keeps_its_name(store: FileStore, folder: Path, tmp_path: Path) -> None:
    store.put(KEY, folder / "weights")
    assert store.get(KEY, tmp_path / "other")
    assert list(read(tmp_path / "other")) == ["weights"]


def test_files_that_are_put_again_replace_those_there(store: FileStore, folder: Path, tmp_path: Path) -> None:
    """A training that was repeated on another machine may have given other weights."""
    store.put(KEY, folder)
    store.put(KEY, folder)
    (folder / "weights").write_text("b")
    store.put(KEY, folder)
    store.get(KEY, tmp_path / "other")
    assert read(tmp_path / "other") == {"weights": "b", "sub/settings.json": "{}"}


def test_a_killed_upload_counts_as_not_there(
    store: FileStore, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list comes last. Before a replacement it goes first."""
    store.put(KEY, folder)
    (folder / "weights").write_text("b")
    with monkeypatch.context() as patch:
        patch.setattr(store._system, "put_file", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            store.put(KEY, folder)
    assert not store.has(KEY)
    assert not store.get(KEY, tmp_path / "other")
    store.put(KEY, folder)
    assert store.get(KEY, tmp_path / "other")
    assert read(tmp_path / "other")["weights"] == "b"


def test_a_changed_file_is_named_and_nothing_of_it_is_taken(store: FileStore, folder: Path, tmp_path: Path) -> None:
    store.put(KEY, folder)
    put_text(store, "weights", "poison")
    mine = written(tmp_path / "other", {"weights": "mine"})
    with pytest.raises(StoreError, match="is not the file that was stored") as caught:
        store.get(KEY, mine)
    sha256 = file_digest(folder / "weights")
    assert f"{store.url}/{KEY}/weights is not the file" in str(caught.value)
    assert f"but {sha256} is listed" in str(caught.value)
    assert read(mine) == {"weights": "mine"}
    assert sorted(path.name for path in tmp_path.glob(".*.part")) == []


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[1]",
        '"x"',
        '{"../../outside": "0"}',
        '{"/etc/passwd": "0"}',
        '{"a": 1}',
        '{"": "0"}',
        '{".hidden/a": "0"}',
    ],
)
def test_a_list_that_is_none_or_leads_elsewhere_is_refused(
    store: FileStore, folder: Path, tmp_path: Path, content: str
) -> None:
    store.put(KEY, folder)
    put_text(store, ".files.json", content)
    with pytest.raises(StoreError, match="is no list of files"):
        store.get(KEY, tmp_path / "deep" / "other")
    assert not (tmp_path / "deep").exists()


def test_a_file_that_is_listed_and_not_there_is_named(store: FileStore, folder: Path, tmp_path: Path) -> None:
    store.put(KEY, folder)
    system, root = fsspec.url_to_fs(store.url)
    system.rm_file(f"{root}/{KEY}/weights")
    with pytest.raises(StoreError, match=f"weights is listed, but not there; delete {store.url}/{KEY}, and"):
        store.get(KEY, tmp_path / "other")


def test_a_file_may_have_any_name(store: FileStore, tmp_path: Path) -> None:
    store.put(KEY, written(tmp_path / "mine", {"files.json": "my own", "list": "x"}))
    store.get(KEY, tmp_path / "other")
    assert read(tmp_path / "other") == {"files.json": "my own", "list": "x"}


def test_several_workers_of_a_machine_fetch_the_same_files(store: FileStore, folder: Path, tmp_path: Path) -> None:
    """They took each other's half copies away."""
    store.put(KEY, folder)
    place = tmp_path / "other"
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            assert all(pool.map(lambda _: store.get(KEY, place), range(4)))
            assert read(place) == {"weights": "a" * 100_000, "sub/settings.json": "{}"}
            shutil.rmtree(place)


def test_what_can_be_written_is_found_out_before_anything_is_made(store: FileStore) -> None:
    store.require_writable()
    with s3_server(), pytest.raises(StoreError, match="nothing can be written there"):
        FileStore("s3://no-such-bucket/x").require_writable()


def test_what_is_removed_is_gone_with_its_files(store: FileStore, folder: Path) -> None:
    store.put(KEY, folder)
    store.put("checkpoints/two", folder)
    store.remove(KEY)
    store.remove(KEY)
    assert (store.has(KEY), store.has("checkpoints/two")) == (False, True)
    system, root = fsspec.url_to_fs(store.url)
    assert system.find(f"{root}/{KEY}") == []


def test_a_list_names_each_file_with_its_hash(store: FileStore, folder: Path) -> None:
    store.put(KEY, folder)
    system, root = fsspec.url_to_fs(store.url)
    assert json.loads(system.cat_file(f"{root}/{KEY}/.files.json")) == {
        "weights": file_digest(folder / "weights"),
        "sub/settings.json": file_digest(folder / "sub/settings.json"),
    }


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("s3://no-such-bucket/x", "the store s3://no-such-bucket/x: checkpoints/one cannot be written: "),
        ("memoryy://x", "the store memoryy://x: it cannot be used: Protocol not known: memoryy"),
        ("gs://bucket/x", "the store gs://bucket/x needs a package that is not installed: "),
    ],
)
def test_a_store_that_cannot_be_used_is_one_clear_error(folder: Path, url: str, message: str) -> None:
    with pytest.raises(StoreError) as caught:
        FileStore(url).put(KEY, folder)
    assert str(caught.value).startswith(message)


def test_a_server_that_is_away_is_one_clear_error(folder: Path) -> None:
    with s3_server():
        store = FileStore(new_bucket())
        store.put(KEY, folder)
    with pytest.raises(StoreError, match=r"checkpoints/one cannot be read: .*; check the address, and that this"):
        store.get(KEY, folder)
    assert "weights" in read(folder)
