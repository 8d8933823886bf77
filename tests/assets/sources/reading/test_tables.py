"""A table from a spreadsheet may have any delimiter, quotes and a ragged row. If a dialect is guessed wrongly, every
text is cut in the middle. So these tests check exact rows for each dialect, and that a bad row takes no other along."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.sources.reading.read import read_rows
from assets.sources.reading.rows import SourceRow
from tests.support.reading import contents, outcome, refusal, written

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0"), min_size=1)
DOUBLED = "but a quote inside a quoted cell is doubled"


def test_cells_stay_text(tmp_path: Path) -> None:
    content = 'id,answer,text\n007,true,"two\nlines, ""quoted"""\n\n1e5,,NA\n'
    expected = [
        {"id": "007", "answer": "true", "text": 'two\nlines, "quoted"'},
        {"id": "1e5", "answer": "", "text": "NA"},
    ]
    assert contents(written(tmp_path, "a.csv", content)) == expected
    assert contents(written(tmp_path, "a.csv.gz", gzip.compress(content.encode()))) == expected


def test_tabs_divide_the_cells_of_tsv(tmp_path: Path) -> None:
    assert contents(written(tmp_path, "a.tsv", "a\tb\n1,5\t02\n")) == [{"a": "1,5", "b": "02"}]


def test_a_cell_may_hold_a_whole_document(tmp_path: Path) -> None:
    assert contents(written(tmp_path, "a.csv", "a\n" + "x" * 200_000)) == [{"a": "x" * 200_000}]


def test_a_header_alone_has_no_rows(tmp_path: Path) -> None:
    assert contents(written(tmp_path, "a.csv", "a,b\n")) == []


@given(
    cells=st.lists(st.tuples(TEXTS, TEXTS), max_size=4),
    delimiter=st.sampled_from(",;\t|"),
    suffix=st.sampled_from([".csv", ".tsv"]),
)
def test_quoted_cells_round_trip_in_every_dialect(
    tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[str, str]], delimiter: str, suffix: str
) -> None:
    lines = [delimiter.join('"' + cell.replace('"', '""') + '"' for cell in row) for row in [("a", "b"), *cells]]
    path = written(tmp_path_factory.getbasetemp(), f"round{suffix}", "\n".join(lines))
    assert contents(path) == [{"a": a, "b": b} for a, b in cells]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_recognised_though_the_texts_have_others(tmp_path: Path, delimiter: str) -> None:
    rows = [("What is tea?", '"It is; in, short|a\tplant."')] * 9 + [("ragged",)]
    lines = [delimiter.join(row) for row in [("question", "answer"), *rows]]
    found, bad = outcome(written(tmp_path, "a.csv", "\n".join(lines)))
    assert found == [{"question": "What is tea?", "answer": "It is; in, short|a\tplant."}] * 9
    assert bad == ["a.csv, line 11: found 1 cells, but the header names 2"]


def test_one_column_of_texts_is_not_taken_apart(tmp_path: Path) -> None:
    texts = ["a; b", "c; d", "e | f"]
    assert contents(written(tmp_path, "a.csv", "\n".join(["text", *texts]))) == [{"text": text} for text in texts]


def test_the_recipe_can_say_the_dialect(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", "a^b\n'1^2'^it''s\n".replace("it''s", "'it''s'"))
    assert contents(path, delimiter="^", quote="'") == [{"a": "1^2", "b": "it's"}]
    path = written(tmp_path, "b.tsv", 'a\tb\n"No" she said\t"\n')
    assert contents(path, quote="") == [{"a": '"No" she said', "b": '"'}]
    path = written(tmp_path, "c.dat", "a;b\ncafé;x\n".encode("cp1252"))
    assert contents(path, format="csv", encoding="cp1252") == [{"a": "café", "b": "x"}]
    assert contents(written(tmp_path, "d.csv", "a\tb\nc\td\n".encode("utf-16"))) == [{"a": "c", "b": "d"}]
    either = written(tmp_path, "e.csv", "a;b|c\n1;2|3\n")
    assert refusal(either) == ": its cells may be divided by semicolon, bar; say which by delimiter:"
    assert contents(either, delimiter=";") == [{"a": "1", "b|c": "2|3"}]
    assert refusal(either, delimiter=";", quote=";") == (
        ": its delimiter and its quote are both ';', but they must differ"
    )


def test_a_line_that_names_the_delimiter_is_no_header(tmp_path: Path) -> None:
    read = read_rows(written(tmp_path, "a.csv", "sep=;\r\na;b\r\n1,2,3;4\r\n"))
    assert read.rows == [SourceRow({"a": "1,2,3", "b": "4"}, "a.csv, line 3")]


@pytest.mark.parametrize(("key", "value"), [("delimiter", ";"), ("quote", "'"), ("encoding", "cp1252")])
def test_a_key_that_the_format_does_not_have_is_an_error(tmp_path: Path, key: str, value: str) -> None:
    path = written(tmp_path, "a.parquet", "")
    assert refusal(path, **{key: value}) == f": the source sets {key}, which the format parquet does not have"


BAD = {
    "3,4,5": ("line 3", "found 3 cells, but the header names 2"),
    "3": ("line 3", "found 1 cells, but the header names 2"),
    'x,"not closed': ("line 3", f"found bad quoting (unexpected end of data), {DOUBLED}"),
    '"No" she said,2': ("line 3", f"found bad quoting (',' expected after '\"'), {DOUBLED}"),
    b"caf\xe9,1": (
        "line 3",
        "found the byte 0xe9, but the text must be UTF-8 (the key encoding of the source names another)",
    ),
    '"two\nlines",1,2': ("lines 3 to 4", "found 3 cells, but the header names 2"),
}


@pytest.mark.parametrize(("line", "expected"), BAD.items(), ids=map(str, range(len(BAD))))
def test_a_bad_row_is_named_and_takes_no_other_with_it(
    tmp_path: Path, line: str | bytes, expected: tuple[str, str]
) -> None:
    content = b"a,b\n1,2\n" + (line.encode() if isinstance(line, str) else line) + b"\n5,6\n7,8\n"
    path = written(tmp_path, "a.csv", content)
    rows = [{"a": "1", "b": "2"}, {"a": "5", "b": "6"}, {"a": "7", "b": "8"}]
    assert outcome(path) == (rows, [f"a.csv, {expected[0]}: {expected[1]}"])
    assert refusal(path, strict=True) == f", {expected[0]}: {expected[1]}"


def test_a_quote_that_another_one_closes_lines_later_takes_its_own_line(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", 'a,b\n1,"2\n3,4\n5,"six, ""6"""\n7,8\n')
    rows, bad = outcome(path)
    assert rows == [{"a": "3", "b": "4"}, {"a": "5", "b": 'six, "6"'}, {"a": "7", "b": "8"}]
    assert [one.partition(":")[0] for one in bad] == ["a.csv, line 2"]


def test_in_one_column_a_quote_that_is_not_closed_takes_the_rest(tmp_path: Path) -> None:
    # Lines inside a text and lines after it cannot be told apart there.
    rows, bad = outcome(written(tmp_path, "a.csv", 'a\n1\n"2\n3\n'))
    assert rows == [{"a": "1"}]
    assert bad == [f"a.csv, lines 3 to 4: found bad quoting (unexpected end of data), {DOUBLED}"]


def test_only_the_columns_that_are_asked_for_are_judged(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", b"a,b,b,c,,\n1,2,3,caf\xe9,,\n")
    read = read_rows(path, columns=["a", "d"])
    assert read.rows == [SourceRow({"a": "1"}, "a.csv, line 2")]
    assert list(read.names) == ["a", "b", "c"]
    assert refusal(path) == ": found the column 'b' twice, but names must differ"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", ": found no text, but the first line must name the columns"),
        ("a,b,a\n", ": found the column 'a' twice, but names must differ"),
        ('a,"b\n1,2', f", line 1: found bad quoting (unexpected end of data), {DOUBLED}"),
        (
            "a,b\n1,2,3\n4\n",
            ": none of its 2 rows can be read; a.csv, line 2: found 3 cells, but the header names 2",
        ),
    ],
)
def test_a_table_whose_structure_is_bad_is_refused(tmp_path: Path, content: str, message: str) -> None:
    assert refusal(written(tmp_path, "a.csv", content)) == message
