"""Parquet and Arrow hold what JSON does not: bytes, dates, NaN, maps. A column of images that nobody asked for must not
make a source unreadable, and each value must come out as it always did, or every row would get another id."""

from __future__ import annotations

import datetime
import decimal
import gzip
import uuid
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.sources.reading.read import read_rows
from assets.sources.reading.rows import SourceRow
from tests.support.reading import contents, refusal, written
from warehouse.core.identity import canonical


def stored(folder: Path, name: str, table: pa.Table) -> Path:
    """A file of a table, in the format that its suffix names; two rows a group."""
    path = folder / name
    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=2)
    else:
        with (pa.ipc.new_stream if path.stem == "stream" else pa.ipc.new_file)(str(path), table.schema) as writer:
            writer.write_table(table, max_chunksize=2)
    return path


NAMES = ["a.parquet", "a.arrow", "stream.arrow", "a.feather"]


@pytest.mark.parametrize("name", NAMES)
def test_values_become_json_values(tmp_path: Path, name: str) -> None:
    table = pa.table(
        {
            "text": ["007", None, "x"],
            "n": pa.array([2**64 - 1, 2, 3], pa.uint64()),
            "turns": [[{"role": "user", "at": datetime.date(2023, 8, 22)}], [], None],
            "at": pa.array([datetime.datetime(2024, 2, 3, 4, 5), None, None], pa.timestamp("ns")),
            "zoned": pa.array([0, None, None], pa.timestamp("ms", "UTC")),
            "time": [datetime.time(4, 5), None, None],
            "took": pa.array([datetime.timedelta(days=1, seconds=2), None, None], pa.duration("ns")),
            "price": [decimal.Decimal("1.50"), decimal.Decimal("2.00"), None],
            "kind": pa.array(["a", "b", "a"]).dictionary_encode(),
            "map": pa.array([[("k", 1)], [], None], pa.map_(pa.string(), pa.int64())),
            "flag": [True, False, None],
            "half": pa.array([0.5, None, 1.0], pa.float16()),
            "nothing": pa.nulls(3),
        }
    )
    path = stored(tmp_path, name, table)
    first, *rest = contents(path)
    assert first == {
        "text": "007",
        "n": 2**64 - 1,
        "turns": [{"role": "user", "at": "2023-08-22"}],
        "at": "2024-02-03T04:05:00",
        "zoned": "1970-01-01T00:00:00+00:00",
        "time": "04:05:00",
        "took": "1 day, 0:00:02",
        "price": "1.50",
        "kind": "a",
        "map": {"k": 1},
        "flag": True,
        "half": 0.5,
        "nothing": None,
    }
    assert [row["text"] for row in rest] == [None, "x"]
    assert canonical(first)
    packed = written(tmp_path, f"packed{path.suffix}.gz", gzip.compress(path.read_bytes()))
    assert contents(packed) == contents(path)


def test_parquet_by_another_writer_is_read(tmp_path: Path) -> None:
    frame = pl.DataFrame({"q": ["a", "b"], "kind": ["x", "x"], "score": [0.5, None]})
    frame.cast({"kind": pl.Categorical}).write_parquet(tmp_path / "a.parquet")
    assert contents(tmp_path / "a.parquet") == frame.to_dicts()


@pytest.mark.parametrize("name", NAMES)
def test_what_json_cannot_hold_is_absent_and_noted(tmp_path: Path, name: str) -> None:
    image = {"bytes": b"\x89PNG", "path": "a.png"}
    scores = pa.array([float("nan"), 1.5, float("-inf")])
    late = pa.array([2**62, 0, None], pa.timestamp("us"))
    table = pa.table({"q": ["a", "b", "c"], "score": scores, "image": [image, None, image], "raw": [b"", b"x", None]})
    rows = read_rows(stored(tmp_path, name, table)).rows
    assert rows[0] == SourceRow(
        {"q": "a", "score": None, "image": {"bytes": None, "path": "a.png"}, "raw": None},
        f"{name}, row 1",
        {"score": "NaN", "image.bytes": "bytes", "raw": "bytes"},
    )
    assert rows[1] == SourceRow(
        {"q": "b", "score": 1.5, "image": None, "raw": None}, f"{name}, row 2", {"raw": "bytes"}
    )
    assert rows[2].unusable == {"score": "-Infinity", "image.bytes": "bytes"}
    (tmp_path / "late").mkdir()
    dates = read_rows(stored(tmp_path / "late", name, pa.table({"q": ["a", "b", "c"], "late": late}))).rows
    assert [row.content["late"] for row in dates] == [None, "1970-01-01T00:00:00", None]
    assert list(dates[0].unusable) == ["late"]


def test_types_that_are_rare_are_read_or_noted(tmp_path: Path) -> None:
    table = pa.table(
        {
            "span": pa.array([pa.MonthDayNano([1, 2, 3])]),
            "wide": pa.array([decimal.Decimal(10**60)], pa.decimal256(70, 2)),
            "id": pa.array([uuid.UUID(int=7).bytes], pa.uuid()),
        }
    )
    (row,) = read_rows(stored(tmp_path, "a.arrow", table)).rows
    assert row.content == {"span": [1, 2, 3], "wide": f"{10**60}.00", "id": str(uuid.UUID(int=7))}


@pytest.mark.parametrize("name", NAMES)
def test_only_the_columns_that_are_asked_for_are_read(tmp_path: Path, name: str) -> None:
    wrong = pa.Array.from_buffers(pa.string(), 3, pa.array([b"ok", b"caf\xe9", b"ok"]).buffers())
    table = pa.table(
        {"q": ["a", "b", "c"], "answers.text": ["x", "y", "z"], "answers": [{"text": "w"}] * 3, "t": wrong}
    )
    path = stored(tmp_path, name, table)
    assert contents(path, ["answers.text", "absent"]) == [{"answers.text": one} for one in "xyz"]
    assert contents(path, ["answers"]) == [{"answers": {"text": "w"}}] * 3
    read = read_rows(path, columns=["absent"])
    assert [row.content for row in read.rows] == [{}, {}, {}]
    assert list(read.names) == ["q", "answers.text", "answers", "t"]


@pytest.mark.parametrize("name", NAMES)
def test_a_row_with_a_text_that_is_not_utf_8_is_bad(tmp_path: Path, name: str) -> None:
    wrong = pa.Array.from_buffers(pa.string(), 3, pa.array([b"ok", b"caf\xe9", b"ok"]).buffers())
    read = read_rows(stored(tmp_path, name, pa.table({"q": ["a", "b", "c"], "t": wrong})))
    assert [row.content for row in read.rows] == [{"q": "a", "t": "ok"}, {"q": "c", "t": "ok"}]
    found = "found the byte 0xe9, which is not UTF-8, in the column 't'"
    assert read.bad == [(f"{name}, row 2", found, "q: b")]


def test_a_map_with_a_doubled_key_is_bad(tmp_path: Path) -> None:
    maps = pa.array([[("k", 1)], [("k", 1), ("k", 2)]], pa.map_(pa.string(), pa.int64()))
    read = read_rows(stored(tmp_path, "a.parquet", pa.table({"m": maps})))
    assert [row.content for row in read.rows] == [{"m": {"k": 1}}]
    assert [bad.place for bad in read.bad] == ["a.parquet, row 2"]


@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_file_is_refused(tmp_path: Path, name: str) -> None:
    whole = stored(tmp_path, name, pa.table({"q": ["a" * 99, "b", "c"]})).read_bytes()
    for content in (whole[: len(whole) // 2], b"PAR1, but nothing of the kind", b""):
        message = refusal(written(tmp_path, name, content))
        assert message.startswith(": found damaged data (")
        assert message.endswith(
            "), but it should be a whole " + ("Parquet" if "parquet" in name else "Arrow") + " file"
        )


def test_a_doubled_column_is_refused_where_it_is_asked_for(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"]), pa.array(["c"])], ["q", "q", "r"])
    path = stored(tmp_path, "a.arrow", table)
    assert refusal(path) == ": found the column 'q' twice, but names must differ"
    assert contents(path, ["r"]) == [{"r": "c"}]
