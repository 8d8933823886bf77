"""What is public cannot be called back. So nothing is pushed that was not verified, and nothing that merely lies beside
it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import datasets
import fsspec
import pytest

from tests.support.attesting import FILES, attested, exported
from tests.support.hub_stand_in import Hub
from warehouse.core.errors import UserError
from warehouse.release.attestation import Exported
from warehouse.release.layout import SHARED
from warehouse.release.push import Pushed, push
from warehouse.release.verification import NotVerified, verify

ALL = (*FILES[:3], "mine.intoto.json", *FILES[3:], *SHARED)


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    files = exported(tmp_path_factory.mktemp("exported"))
    attested(files)
    return files


@pytest.fixture
def folder(once: Exported, tmp_path: Path) -> Path:
    """An attested export that a test may change, with a file beside it that is none of it."""
    shutil.copytree(once.folder, tmp_path / "out")
    (tmp_path / "out" / "secret.txt").write_text("mine")
    return tmp_path / "out"


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    system = fsspec.filesystem("memory")
    yield system
    system.store.clear()


def test_a_local_folder_gets_what_was_verified_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "share" / "words"
    assert push(folder, str(target)) == Pushed(str(target), ("mine",), ALL)
    there = {str(one.relative_to(target)) for one in target.rglob("*") if one.is_file()}
    assert there == set(ALL)
    assert verify(target / "mine.intoto.json").rows == 3
    opened = datasets.load_dataset(str(target), cache_dir=str(tmp_path / "cache"))
    assert [row["response"] for row in opened["train"]] == ["c", "a", "b"]
    assert push(folder, str(target)).files == ALL


def test_any_target_of_fsspec_gets_the_same_bytes(folder: Path, memory: fsspec.AbstractFileSystem) -> None:
    push(folder, "memory://bucket/words")
    found = {name.removeprefix("/bucket/words/"): memory.cat(name) for name in memory.find("/bucket")}
    assert found == {name: (folder / name).read_bytes() for name in ALL}


def test_a_repository_of_a_hub_is_made_and_gets_all_files_in_one_commit(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Hub({}).serving() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        monkeypatch.setenv("HF_TOKEN", "hf_mine")
        assert push(folder, "hf://datasets/me/words") == Pushed("hf://datasets/me/words", ("mine",), ALL)
        push(folder, "hf://datasets/me/all/of/it")
    assert hub.repos["datasets/me/words"] == {name: (folder / name).read_bytes() for name in ALL}
    assert set(hub.repos["datasets/me/all"]) == {f"of/it/{name}" for name in ALL}
    assert hub.asked.count("POST /api/datasets/me/words/commit/main") == 1
    assert hub.tokens == {"Bearer hf_mine"}


def test_a_hub_that_refuses_is_one_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Hub({}).serving() as hub:
        monkeypatch.setenv("HF_ENDPOINT", f"{hub.endpoint}/nowhere")
        with pytest.raises(UserError, match=r"^cannot write to hf://datasets/me/words: 404"):
            push(folder, "hf://datasets/me/words")
    with pytest.raises(UserError, match=r"cannot write to hf://datasets/words: .* must be 'namespace/name'"):
        push(folder, "hf://datasets/words")


def test_a_changed_file_is_not_pushed(folder: Path, memory: fsspec.AbstractFileSystem) -> None:
    (folder / FILES[0]).write_bytes((folder / FILES[0]).read_bytes() + b"{}\n")
    with pytest.raises(NotVerified, match=r"alpaca/mine/train\.jsonl has changed: its sha256 is"):
        push(folder, "memory://bucket/words")
    assert memory.find("/") == []


def test_what_is_not_attested_is_not_pushed(folder: Path, memory: fsspec.AbstractFileSystem) -> None:
    (folder / "mine.intoto.json").unlink()
    with pytest.raises(UserError) as refused:
        push(folder, "memory://bucket/words")
    assert str(refused.value) == (
        f"{folder} offers what is not attested: data/mine/train.parquet; attest it first: slingshot attest ARM "
        f"--to {folder}"
    )
    assert memory.find("/") == []


@pytest.mark.parametrize("name", SHARED)
def test_a_folder_without_a_file_about_all_arms_is_not_pushed(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(UserError, match=f"^{folder} (has no {name}; export again|is no folder of exported)"):
        push(folder, "memory://bucket/words")


def test_a_key_that_did_not_sign_is_not_enough(folder: Path, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    public = Ed25519PrivateKey.generate().public_key()
    kind = serialization.PublicFormat.SubjectPublicKeyInfo
    (tmp_path / "pub.pem").write_bytes(public.public_bytes(serialization.Encoding.PEM, kind))
    with pytest.raises(NotVerified, match="is not signed, but a signature with the key"):
        push(folder, str(tmp_path / "there"), tmp_path / "pub.pem")
    assert not (tmp_path / "there").exists()


def test_a_target_that_cannot_be_written_is_one_error(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=f"^cannot write to {tmp_path / 'file'}: "):
        push(folder, str(tmp_path / "file"))
    with pytest.raises(UserError, match=r"^cannot write to nonsense://x: Protocol not known: nonsense"):
        push(folder, "nonsense://x")
