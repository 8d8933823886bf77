"""Data come in shards, compressed, and as folders of texts. If one of the files were skipped, read twice or in another
order, nobody would see it. So these tests check which files are read, and that a wrong mix is refused."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import re
from pathlib import Path
from typing import get_args

import pyarrow as pa
import pytest

from assets.recipe.materials import Format
from assets.sources.reading import streams
from assets.sources.reading.files import SUFFIXES
from assets.sources.reading.read import read_rows
from resources.fetching.errors import FetchError
from tests.support.reading import contents, outcome, refusal, written
from tests.support.tiny import ROOT

MANUAL = ROOT / "assets/sources/README.md"
LINES = b'{"a": 1}\n{"a": 2}\n'
ROWS: list[dict[str, object]] = [{"a": 1}, {"a": 2}]


def zstd(data: bytes) -> bytes:
    """The data as one zstd frame."""
    return bytes(pa.compress(data, codec="zstd", asbytes=True))


PACKERS = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": zstd}


@pytest.mark.parametrize("suffix", PACKERS)
def test_compressed_files_are_read_also_in_several_parts_and_without_the_suffix(tmp_path: Path, suffix: str) -> None:
    pack = PACKERS[suffix]
    assert contents(written(tmp_path, f"a.v2.jsonl.{suffix}", pack(LINES))) == ROWS
    assert contents(written(tmp_path, f"b.JSONL.{suffix.upper()}", pack(LINES[:9]) + pack(LINES[9:]))) == ROWS
    assert contents(written(tmp_path, "c.jsonl", pack(LINES))) == ROWS
    assert contents(written(tmp_path, f"d.txt.{suffix}", pack(b"tea"))) == [
        {"text": "tea", "title": "d", "path": f"d.txt.{suffix}"}
    ]


@pytest.mark.parametrize("suffix", PACKERS)
def test_damaged_compressed_data_are_refused(tmp_path: Path, suffix: str) -> None:
    packed = PACKERS[suffix](b"".join(b'{"a": %d}\n' % number for number in range(9999)))
    for content in (packed[: len(packed) // 2], b"nothing of the kind"):
        message = refusal(written(tmp_path, f"a.jsonl.{suffix}", content))
        assert message.startswith(": found damaged ")
        assert " data (" in message and f"), but .{suffix} promises a whole " in message


@pytest.mark.parametrize("suffix", PACKERS)
@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.txt", "a.parquet"])
def test_what_becomes_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, name: str
) -> None:
    monkeypatch.setattr(streams, "MOST_BYTES", 100_000)
    packed = PACKERS[suffix](b'"' + b"0" * 3_000_000)
    message = refusal(written(tmp_path, f"{name}.{suffix}", packed))
    most = max(100_000, 200 * len(packed))
    assert f"data that become more than {most:,} bytes, which is too much for a file of {len(packed):,}" in message


def test_shards_are_one_source_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name, number in {"part-2.jsonl": 2, "part-10.jsonl": 10, "sub/part-1.json.gz": 1, ".hidden.jsonl": 0}.items():
        content = json.dumps({"a": number}).encode() + b"\n" + json.dumps({"a": -number}).encode()
        written(tmp_path / "shards", name, gzip.compress(content) if name.endswith("gz") else content)
    written(tmp_path / "shards", "README.md", "About the data.")
    written(tmp_path / "shards", "LICENSE", "CC0")
    read = read_rows(tmp_path / "shards")
    assert [row.content["a"] for row in read.rows] == [10, -10, 2, -2, 1, -1]
    assert [row.place for row in read.rows[::2]] == [
        "part-10.jsonl, line 1",
        "part-2.jsonl, line 1",
        "sub/part-1.json.gz, line 1",
    ]
    assert [row["a"] for row in contents(tmp_path / "shards/part-*.jsonl")] == [10, -10, 2, -2]
    assert [row["a"] for row in contents(tmp_path / "shards/part-[2-9].jsonl")] == [2, -2]
    assert [row["a"] for row in contents(tmp_path / "**/*.json.gz")] == [1, -1]
    assert refusal(tmp_path / "shards/*.csv") == ": found no file, but a source needs at least one"
    written(tmp_path / "shards", "part-*.jsonl", '{"a": 0}')
    assert contents(tmp_path / "shards/part-*.jsonl") == [{"a": 0}]


def test_a_bad_row_of_a_shard_is_named_and_a_shard_of_bad_rows_is_refused(tmp_path: Path) -> None:
    written(tmp_path, "b.jsonl", LINES + b'{"a": ')
    written(tmp_path, "a.jsonl", LINES)
    rows, bad = outcome(tmp_path)
    assert rows == ROWS * 2
    assert [one.partition(": ")[0] for one in bad] == ["b.jsonl, line 3"]
    assert refusal(tmp_path, strict=True).startswith("/b.jsonl, line 3: found invalid JSON")
    written(tmp_path, "c.jsonl", "x\ny\n")
    assert refusal(tmp_path).startswith("/c.jsonl: none of its 2 rows can be read; c.jsonl, line 1: found invalid JSON")


def test_each_file_of_text_is_a_document(tmp_path: Path) -> None:
    for name, text in {"b.md": "# Tea\r\n\r\nA plant.\n", "a/tea.v2.txt": "\ufeffTee", "README.md": "Notes"}.items():
        written(tmp_path / "docs", name, text)
    expected = [
        {"text": "Notes", "title": "README", "path": "README.md"},
        {"text": "Tee", "title": "tea.v2", "path": "a/tea.v2.txt"},
        {"text": "# Tea\n\nA plant.\n", "title": "b", "path": "b.md"},
    ]
    assert contents(tmp_path / "docs") == expected
    assert contents(tmp_path / "docs/*.md", ["text"]) == [{"text": "Notes"}, {"text": "# Tea\n\nA plant.\n"}]
    assert contents(tmp_path / "docs/b.md") == expected[2:]
    written(tmp_path / "docs", "LICENSE", "CC0")
    assert contents(tmp_path / "docs") == expected
    written(tmp_path / "docs", "wrong.txt", b"caf\xe9")
    rows, bad = outcome(tmp_path / "docs")
    assert rows == expected
    assert bad == [
        "wrong.txt: found the byte 0xe9, but the text must be UTF-8 (the key encoding of the source names another)"
    ]
    assert contents(tmp_path / "docs/wrong.txt", encoding="cp1252") == [
        {"text": "café", "title": "wrong", "path": "wrong.txt"}
    ]
    assert refusal(tmp_path / "docs/wrong.txt").startswith(
        ": none of its 1 rows can be read; wrong.txt: found the byte"
    )


def test_a_mixed_folder_is_refused(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl", "c.csv", "d.md"):
        written(tmp_path / "mixed", name, LINES)
    assert refusal(tmp_path / "mixed") == (
        ": found files of several formats (2 json, 1 csv, 1 text), but a source has one; choose files by a "
        "pattern, such as mixed/*.jsonl"
    )
    assert contents(tmp_path / "mixed/*.jsonl") == ROWS * 2
    assert contents(tmp_path / "mixed", format="jsonl") == ROWS * 4


KNOWN = (
    "but it must be one of .jsonl, .ndjson, .json, .csv, .tsv, .parquet, .arrow, .feather, .txt, .md (each may be "
    "followed by .gz, .bz2, .xz, .zst), or the source must say its format:"
)


@pytest.mark.parametrize(("name", "suffix"), [("a.dat", ".dat"), ("a.gz", ""), ("a", ""), (".jsonl", "")])
def test_a_file_of_an_unknown_format_is_refused_unless_the_recipe_says_it(
    tmp_path: Path, name: str, suffix: str
) -> None:
    path = written(tmp_path, name, gzip.compress(LINES) if name.endswith("gz") else LINES)
    assert refusal(path) == f": found the suffix {suffix!r}, {KNOWN}"
    assert contents(path, format="jsonl") == ROWS


def test_what_is_not_there_or_no_file_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "a.jsonl") == (
        ": found no readable file (No such file or directory), but a source needs one"
    )
    (tmp_path / "empty").mkdir()
    assert refusal(tmp_path / "empty") == ": found no file, but a source needs at least one"
    os.mkfifo(tmp_path / "empty/a.jsonl")
    with pytest.raises(FetchError, match=r"'a\.jsonl' is a link to a folder or a device"):
        read_rows(tmp_path / "empty")


def test_the_manual_lists_every_format_and_suffix() -> None:
    (table,) = re.findall(
        r"^\| `format` \|.*\n\|---.*\n((?:\|.*\n)+)", MANUAL.read_text(encoding="utf-8"), re.MULTILINE
    )
    rows = [line.split("|")[1:3] for line in table.splitlines()]
    listed = [(re.findall(r"`(\w+)`", formats), re.findall(r"`(\.\w+)`", suffixes)) for formats, suffixes in rows]
    assert [one for formats, _ in listed for one in formats] == list(get_args(Format))
    assert {suffix for _, suffixes in listed for suffix in suffixes} == SUFFIXES.keys()
