"""A wrongly read source spoils everything that is built from it, and nobody notices: text turned into numbers, lines
split in the middle, half of a damaged file. So these tests check the exact rows of each format and the exact error
about each kind of damage."""

from __future__ import annotations

import datetime
import decimal
import gzip
import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.sources.reading.read import read_rows as read_source
from warehouse.core.errors import UserError

ROWS = [{"title": "Élan", "steps": ["a", "b"]}, {"title": "007", "steps": []}]

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0"), min_size=1)


def read_rows(path: Path) -> list[dict[str, object]]:
    return [row.content for row in read_source(path).rows]


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("list.json", json.dumps(ROWS)),
        ("UPPER.JSON", json.dumps(ROWS)),
        ("objects.json", json.dumps({"Cookbook:1": ROWS[0], "Cookbook:2": ROWS[1]})),
        ("one_list.json", json.dumps({"version": "1.1", "tags": ["x"], "errors": [], "data": ROWS})),
        ("bom.json", "\ufeff" + json.dumps(ROWS)),
        ("rows.jsonl", "\n".join(json.dumps(row) for row in ROWS)),
        ("rows.ndjson", "\r\n\r\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS) + "\r\n"),
        ("rows.v2.jsonl.gz", gzip.compress("\n".join(json.dumps(row) for row in ROWS).encode(), mtime=0)),
        ("rows.json.gz", gzip.compress(json.dumps(ROWS).encode(), mtime=0)),
    ],
)
def test_every_json_shape_yields_the_same_rows(tmp_path: Path, name: str, content: str | bytes) -> None:
    assert read_rows(written(tmp_path, name, content)) == ROWS


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("no.json", "[]"),
        ("no2.json", "{}"),
        ("no3.json", '{"data": []}'),
        ("no.jsonl", ""),
        ("no.csv", "a,b\n"),
    ],
)
def test_a_source_without_rows_is_no_error(tmp_path: Path, name: str, content: str) -> None:
    assert read_rows(written(tmp_path, name, content)) == []


def test_a_line_separator_inside_a_text_does_not_split_a_json_line(tmp_path: Path) -> None:
    assert read_rows(written(tmp_path, "a.jsonl", '{"a": "one\u2028two\x85three"}\n')) == [
        {"a": "one\u2028two\x85three"}
    ]


def test_a_whole_surrogate_pair_is_one_character(tmp_path: Path) -> None:
    assert read_rows(written(tmp_path, "a.jsonl", r'{"a": "\ud83d\ude00"}')) == [{"a": "😀"}]


def test_cells_stay_text(tmp_path: Path) -> None:
    content = 'id,answer,text\n007,true,"two\nlines, ""quoted"""\n\n1e5,,NA\n'
    expected = [
        {"id": "007", "answer": "true", "text": 'two\nlines, "quoted"'},
        {"id": "1e5", "answer": "", "text": "NA"},
    ]
    assert read_rows(written(tmp_path, "a.csv", content)) == expected
    assert read_rows(written(tmp_path, "a.csv.gz", gzip.compress(content.encode()))) == expected


def test_tabs_divide_the_cells_of_tsv(tmp_path: Path) -> None:
    assert read_rows(written(tmp_path, "a.tsv", "a\tb\n1,5\t02\n")) == [{"a": "1,5", "b": "02"}]


def test_a_cell_may_hold_a_whole_document(tmp_path: Path) -> None:
    assert read_rows(written(tmp_path, "a.csv", "a\n" + "x" * 200_000)) == [{"a": "x" * 200_000}]


def test_parquet_becomes_python_values(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "text": ["007", None],
            "n": [1, 2],
            "turns": [[{"role": "user", "at": datetime.date(2023, 8, 22)}], []],
            "at": [datetime.datetime(2024, 2, 3, 4, 5), None],
            "price": [decimal.Decimal("1.50"), decimal.Decimal("2.00")],
        }
    )
    path = tmp_path / "a.parquet"
    frame.write_parquet(path)
    expected = [
        {
            "text": "007",
            "n": 1,
            "turns": [{"role": "user", "at": "2023-08-22"}],
            "at": "2024-02-03T04:05:00",
            "price": "1.50",
        },
        {"text": None, "n": 2, "turns": [], "at": None, "price": "2.00"},
    ]
    assert read_rows(path) == expected
    assert read_rows(written(tmp_path, "b.parquet.gz", gzip.compress(path.read_bytes()))) == expected


@given(rows=st.lists(st.dictionaries(TEXTS, TEXTS | st.integers() | st.lists(TEXTS) | st.none()), max_size=4))
def test_json_lines_round_trip(tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, object]]) -> None:
    content = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    assert read_rows(written(tmp_path_factory.getbasetemp(), "round.jsonl", content)) == rows


@given(cells=st.lists(st.tuples(TEXTS, TEXTS), max_size=4), suffix=st.sampled_from([".csv", ".tsv"]))
def test_quoted_cells_round_trip(
    tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[str, str]], suffix: str
) -> None:
    comma = "," if suffix == ".csv" else "\t"
    lines = [comma.join('"' + cell.replace('"', '""') + '"' for cell in row) for row in [("a", "b"), *cells]]
    path = written(tmp_path_factory.getbasetemp(), f"round{suffix}", "\n".join(lines))
    assert read_rows(path) == [{"a": a, "b": b} for a, b in cells]


SHAPES = "a list of objects, an object of objects, or an object with exactly one list of objects is needed"
LINE = "each line must be one JSON object"
WHOLE = "the file must be one JSON document (one object a line is the format .jsonl)"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "a.txt",
            "x",
            ": found the suffix '.txt', but it must be one of .json, .jsonl, .ndjson,"
            " .parquet, .csv, .tsv"
            " (each may be followed by .gz)",
        ),
        (
            "a.gz",
            b"",
            ": found the suffix '', but it must be one of .json, .jsonl, .ndjson, .parquet,"
            " .csv, .tsv"
            " (each may be followed by .gz)",
        ),
        ("a.json", '"x"', f": found a text, but {SHAPES}"),
        ("a.json", "null", f": found null, but {SHAPES}"),
        ("a.json", '{"a": 1, "b": "x"}', f": found an object with 0 lists of objects, but {SHAPES}"),
        (
            "a.json",
            '{"train": [{"a": 1}], "test": [{"a": 2}]}',
            f": found an object with 2 lists of objects, but {SHAPES}",
        ),
        ("a.json", '[{"a": 1}, ["b"]]', ", item 2: found a list, but each item must be an object"),
        ("a.json", '{"a": 1}\n{"a": 2}', f", line 2: found invalid JSON (Extra data, column 1), but {WHOLE}"),
        ("a.json", "", f", line 1: found invalid JSON (Expecting value, column 1), but {WHOLE}"),
        (
            "a.json",
            '[{"a": "\\ud800"}]',
            ", from line 1: found half a character (\\ud800), but surrogates come in pairs",
        ),
        ("a.jsonl", '{"a": 1}\n\n[2]\n', f", line 3: found a list, but {LINE}"),
        ("a.jsonl", '{"a": 1}\ntrue\n', f", line 2: found a boolean, but {LINE}"),
        (
            "a.jsonl",
            '{"a": 1}\n{"a": \n',
            f", line 2: found invalid JSON (Expecting value, column 7), but {LINE}",
        ),
        (
            "a.jsonl",
            '{"a": 1}\n{"a": "\\uDFFF"}',
            ", from line 2: found half a character (\\udfff), but surrogates come in pairs",
        ),
        (
            "a.jsonl",
            b'{"a": 1}\n{"a": "caf\xe9"}\n',
            ", line 2: found the byte 0xe9, but the text must be UTF-8",
        ),
        (
            "a.jsonl.gz",
            b'{"a": 1}',
            ": found damaged gzip data (Not a gzipped file (b'{\"')), but .gz promises a whole gzip file",
        ),
        ("a.csv", "", ": found no text, but the first line must name the columns"),
        ("a.csv", "a,b\n1,2\n\n3\n", ", line 4: found 1 cells, but the header names 2"),
        ("a.csv", "a,b\n1,2\n3,4,5\n", ", line 3: found 3 cells, but the header names 2"),
        ("a.csv", "a,b,a\n", ", line 1: found the column 'a' twice, but names must differ"),
        (
            "a.csv",
            'a,b\n1,2\n3,"four\nfive',
            ", line 3: found bad quoting (unexpected end of data), but a quote inside a quoted cell is doubled",
        ),
        (
            "a.tsv",
            'a\tb\n"No" she said\t2\n',
            ", line 2: found bad quoting ('\t' expected after '\"'), but a quote inside a quoted cell is doubled",
        ),
    ],
)
def test_the_error_about_a_malformed_file_is_exact(
    tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    path = written(tmp_path, name, content)
    with pytest.raises(UserError) as caught:
        read_rows(path)
    assert str(caught.value) == f"{path}{message}"


def test_a_cut_off_gzip_file_is_an_error(tmp_path: Path) -> None:
    path = written(tmp_path, "a.jsonl.gz", gzip.compress(b'{"a": 1}\n' * 99)[:-9])
    with pytest.raises(UserError) as caught:
        read_rows(path)
    assert str(caught.value) == (
        f"{path}: found damaged gzip data (Compressed file ended before the end-of-stream marker was"
        " reached),"
        " but .gz promises a whole gzip file"
    )


def test_damaged_parquet_is_an_error(tmp_path: Path) -> None:
    path = written(tmp_path, "a.parquet", b"PAR1, but nothing of the kind")
    with pytest.raises(UserError) as caught:
        read_rows(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: found damaged data (")
    assert message.endswith("), but .parquet promises a Parquet file")


def test_binary_columns_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"text": ["x"], "image": [b"\x89PNG"]}).write_parquet(path)
    with pytest.raises(UserError) as caught:
        read_rows(path)
    assert str(caught.value) == f"{path}: found bytes in the column 'image', but values must be text or numbers"


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        read_rows(tmp_path / "a.jsonl")
    assert str(caught.value) == (
        f"{tmp_path / 'a.jsonl'}: found no readable file (No such file or directory), but a source needs one"
    )
