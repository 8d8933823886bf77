"""Files come damaged in ways that nobody thinks of. Whatever is in a file, reading gives rows that can be recorded, bad
rows and nothing lost, or one clear error: never a traceback, and never a process that dies.

The long form is `python -m pytest tests/assets/sources/reading/test_mutated_files.py --mutations 100000`.
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.recipe.materials import ReadingPart
from assets.sources.partition import row_identity
from assets.sources.reading.read import read_rows
from tests.support.reading import written
from warehouse.core.errors import UserError
from warehouse.core.identity import canonical

ROWS = [
    {
        "q": f"What is {n}?",
        "a": 'tea; soup, | "é" 茶',
        "n": n,
        "f": n / 3,
        "l": [{"r": "u"}, {"r": None}],
        "o": {"b": [2.5]},
    }
    for n in range(9)
]
FRAGMENTS = [
    *(b'"', b"\n", b"\r", b"\0", b"\xff", b"NaN", b"{", b"[", b"}", b"]", b",", b";", b"\t", b"\\", b"null", b"1e999"),
    *(b"\\ud800", b"9" * 5000, b"\xef\xbb\xbf", b"\xff\xfe", b'{"q": 1, "q": 2}', b"[" * 3000, b"\xed\xa0\x80"),
]


def originals(folder: Path) -> dict[str, bytes]:
    """A whole file of each kind, by name."""
    table = pa.Table.from_pylist(ROWS)
    pq.write_table(table, folder / "parquet")
    with pa.ipc.new_file(str(folder / "file"), table.schema) as file:
        file.write_table(table)
    with pa.ipc.new_stream(str(folder / "stream"), table.schema) as stream:
        stream.write_table(table)
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS).encode()
    quoted = ['"{q}";"{n}"'.format(**row) for row in ROWS]
    whole = {
        "a.jsonl": lines,
        "a.json": json.dumps(ROWS, ensure_ascii=False).encode(),
        "b.json": json.dumps({"data": ROWS}, indent=1).encode(),
        "c.json": json.dumps({name: {str(row["n"]): row[name] for row in ROWS} for name in ROWS[0]}).encode(),
        "a.csv": "\n".join(["q;n", *quoted]).encode(),
        "a.tsv": "\n".join(["q\tn", *quoted]).replace(";", "\t").encode(),
        "a.txt": lines,
        "a.parquet": (folder / "parquet").read_bytes(),
        "a.arrow": (folder / "file").read_bytes(),
        "b.arrow": (folder / "stream").read_bytes(),
    }
    packed = {"gz": gzip.compress, "xz": lzma.compress, "bz2": bz2.compress}
    return whole | {f"a.jsonl.{suffix}": pack(lines) for suffix, pack in packed.items()}


def mutated(content: bytes, rng: random.Random) -> bytes:
    """The content with a few changes: something put in, taken out, overwritten or cut off."""
    for _ in range(rng.choice([1, 1, 2, 5])):
        at, length = rng.randrange(len(content) + 1), rng.choice([0, 1, 3, 50])
        piece = rng.choice([*FRAGMENTS, b"", bytes([rng.randrange(256)]), content[at : at + length]])
        content = content[:at] + piece + (b"" if rng.random() < 0.1 else content[at + length :])
    return content


def test_a_mutated_file_is_read_or_refused(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    whole, rng = originals(tmp_path), random.Random(5)
    names, read_whole, quarantined = list(whole), 0, 0
    for number in range(pytestconfig.getoption("--mutations")):
        name = rng.choice(names)
        path = written(tmp_path, rng.choice([name, name, f"z{rng.choice(names)}"]), mutated(whole[name], rng))
        settings = ReadingPart(
            encoding=rng.choice(["cp1252", "utf-16", "shift_jis", "utf-7"]) if rng.random() < 0.05 else None,
            format=rng.choice(["jsonl", "json", "json_columns", "csv", "text", "arrow"])
            if rng.random() < 0.1
            else None,
        )
        columns = rng.choice([None, ["q"], ["n", "l"], ["absent"]])
        try:
            read = read_rows(path, settings, columns)
        except UserError as error:
            assert len(str(error).encode()) < 1000, (number, name)
            continue
        for row in read.rows:
            assert row_identity(row.content) and canonical(row.content), (number, name)
        for bad in read.bad:
            assert canonical(bad), (number, name)
        read_whole, quarantined = read_whole + (not read.bad), quarantined + bool(read.bad)
    assert read_whole
    assert quarantined
