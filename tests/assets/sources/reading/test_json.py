"""A wrongly read source spoils everything that is built from it, and nobody notices: text turned into numbers, lines
split in the middle, the first of two answers gone. So these tests check the exact rows of each JSON shape, and the
exact place and reason of each row that cannot be read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.sources.reading.read import read_rows
from assets.sources.reading.rows import RAW_CHARACTERS, SourceRow
from tests.support.reading import contents, outcome, refusal, written
from warehouse.core.identity import canonical

ROWS = [{"title": "Élan", "steps": ["a", "b"]}, {"title": "007", "steps": []}]
LINES = "\n".join(json.dumps(row) for row in ROWS)

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0"), min_size=1)
EACH_ROW = "each row must be a JSON object"
EACH_LINE = "each line must be one JSON object"
SHAPES = (
    "a list of objects, an object of objects, an object with exactly one list of objects, or columns (an object of "
    "lists of equal length, or of objects with the keys 0, 1, 2 …) are needed; a row a line is format: jsonl"
)
UTF_8 = "the text must be UTF-8 (the key encoding of the source names another)"
WHOLE = "the file must be one JSON document (one object a line is the format jsonl)"
CHOOSE = "say format: json where the objects are rows, or format: json_columns where they are columns"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("list.json", json.dumps(ROWS)),
        ("UPPER.JSON", json.dumps(ROWS)),
        ("objects.json", json.dumps({"Cookbook:1": ROWS[0], "Cookbook:2": ROWS[1]})),
        ("one_list.json", json.dumps({"version": "1.1", "tags": ["x"], "errors": [], "data": ROWS})),
        ("bom.json", "\ufeff" + json.dumps(ROWS)),
        ("rows.jsonl", LINES),
        ("rows.ndjson", "\r\n\r\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS) + "\r\n"),
        ("utf16.jsonl", LINES.encode("utf-16")),
        ("lines.json", LINES),
        ("list.jsonl", json.dumps(ROWS)),
        ("indented.jsonl", json.dumps({"data": ROWS}, indent=1)),
        ("columns.json", json.dumps({"title": {"0": "Élan", "1": "007"}, "steps": {"0": ["a", "b"], "1": []}})),
        ("lists.json", json.dumps({"title": ["Élan", "007"], "steps": [["a", "b"], []]})),
    ],
)
def test_every_json_shape_yields_the_same_rows(tmp_path: Path, name: str, content: str | bytes) -> None:
    assert contents(written(tmp_path, name, content)) == ROWS


@pytest.mark.parametrize(
    ("name", "content"), [("a.json", "[]"), ("b.json", "{}"), ("c.json", '{"data": []}'), ("d.jsonl", "")]
)
def test_a_source_without_rows_is_no_error(tmp_path: Path, name: str, content: str) -> None:
    assert contents(written(tmp_path, name, content)) == []


def test_a_line_separator_inside_a_text_does_not_split_a_json_line(tmp_path: Path) -> None:
    assert contents(written(tmp_path, "a.jsonl", '{"a": "one\u2028two\x85three"}\n')) == [
        {"a": "one\u2028two\x85three"}
    ]


def test_a_whole_surrogate_pair_is_one_character(tmp_path: Path) -> None:
    assert contents(written(tmp_path, "a.jsonl", r'{"a": "\ud83d\ude00"}')) == [{"a": "😀"}]


@given(rows=st.lists(st.dictionaries(TEXTS, TEXTS | st.integers() | st.lists(TEXTS) | st.none()), max_size=4))
def test_json_lines_round_trip(tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, object]]) -> None:
    content = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    assert contents(written(tmp_path_factory.getbasetemp(), "round.jsonl", content), format="jsonl") == rows


def test_a_row_has_its_place(tmp_path: Path) -> None:
    read = read_rows(written(tmp_path, "a.jsonl", '{"a": 1}\n\n{"a": 2}'))
    assert read.rows == [SourceRow({"a": 1}, "a.jsonl, line 1"), SourceRow({"a": 2}, "a.jsonl, line 3")]
    read = read_rows(written(tmp_path, "a.json", '[{"a": 1}, {"a": 2}]'))
    assert [row.place for row in read.rows] == ["a.json, item 1", "a.json, item 2"]


BAD_LINES = {
    "[2]": f"found a list, but {EACH_ROW}",
    "true": f"found a boolean, but {EACH_ROW}",
    '{"a": ': f"found invalid JSON (Expecting value, column 7), but {EACH_LINE}",
    '{"a": 1} {"a": 2}': f"found invalid JSON (Extra data, column 10), but {EACH_LINE}",
    '{"a": "\\uDFFF"}': "found half a character (\\udfff), but surrogates come in pairs",
    '{"\\ud800": 1}': "found half a character (\\ud800), but surrogates come in pairs",
    b'{"a": "caf\xe9"}': f"found the byte 0xe9, but {UTF_8}",
    b"\0" * 9: f"found invalid JSON (Expecting value, column 1), but {EACH_LINE}",
    '{"a": 1, "a": 2}': "found the key 'a' twice in one object",
    '{"b": [{"c": {"a": 1, "d": 2, "a": 1}}]}': "found the key 'a' twice in one object",
    '{"a": ' + "[" * 150 + "]" * 150 + "}": "found lists and objects in each other, more than 100 levels of them",
    '{"a": ' + "[" * 99_999 + "]" * 99_999 + "}": "found lists and objects in each other, more than 100 levels of them",
}


@pytest.mark.parametrize(("line", "found"), BAD_LINES.items(), ids=map(str, range(len(BAD_LINES))))
def test_a_bad_line_is_named_and_the_other_rows_are_kept(tmp_path: Path, line: str | bytes, found: str) -> None:
    content = b'{"a": 1}\n' + (line.encode() if isinstance(line, str) else line) + b'\n{"a": 3}\n'
    path = written(tmp_path, "a.jsonl", content)
    assert outcome(path) == ([{"a": 1}, {"a": 3}], [f"a.jsonl, line 2: {found}"])
    assert refusal(path, strict=True) == f", line 2: {found}"


def test_the_text_of_a_bad_row_is_kept_up_to_a_limit(tmp_path: Path) -> None:
    lines = [b'{"a": 1}', b'{"a": "caf\xe9"}', b"[" + b"x" * 10_000]
    bad = read_rows(written(tmp_path, "a.jsonl", b"\n".join(lines))).bad
    assert bad[0].raw == '{"a": "caf\\xe9"}'
    assert len(bad[1].raw) == RAW_CHARACTERS
    bad = read_rows(written(tmp_path, "a.json", '[{"a": 1}, {"b": "x", "a": 1, "a": 2}, [NaN]]')).bad
    assert [one.raw for one in bad] == ['[["b", "x"], ["a", 1], ["a", 2]]', "[null]"]


def test_a_bad_item_of_a_list_is_named_and_the_others_are_kept(tmp_path: Path) -> None:
    text = '[{"a": 1}, ["b"], {"a": 3, "b": {"c": 1, "c": 2}}, {"a": "\\ud800"}, {"a": 5}]'
    assert outcome(written(tmp_path, "a.json", text)) == (
        [{"a": 1}, {"a": 5}],
        [
            "a.json, item 2: found a list, but each row must be a JSON object",
            "a.json, item 3: found the key 'c' twice in one object",
            "a.json, item 4: found half a character (\\ud800), but surrogates come in pairs",
        ],
    )
    rows, bad = outcome(written(tmp_path, "b.json", '{"x": {"a": 1}, "y": {"a": 2}, "y": {"a": 3}}'))
    assert rows == [{"a": 1}]
    assert bad == ["b.json, row 'y': found the key 'y' twice in the whole document"] * 2


def test_what_json_cannot_hold_is_absent_and_noted(tmp_path: Path) -> None:
    line = f'{{"a": NaN, "b": [1.5, -Infinity], "c": {{"d": 1e999}}, "e": {"9" * 5000}, "f": 1e5, "g": {2**64}}}'
    (row,) = read_rows(written(tmp_path, "a.jsonl", line)).rows
    assert row.content == {"a": None, "b": [1.5, None], "c": {"d": None}, "e": None, "f": 1e5, "g": 2**64}
    assert canonical(row.content)
    assert row.unusable == {
        "a": "NaN",
        "b.1": "-Infinity",
        "c.d": "the number 1e999, which is out of range",
        "e": "a number of 5,000 digits",
    }


def test_only_the_columns_that_are_asked_for_are_judged(tmp_path: Path) -> None:
    path = written(tmp_path, "a.jsonl", b'{"a": 1, "b": "\\ud800"}\n{"a": 2, "c": "caf\xe9"}\n{"a": 3, "d": NaN}\n')
    read = read_rows(path, columns=["a"])
    assert read.rows == [SourceRow({"a": number}, f"a.jsonl, line {number}") for number in (1, 2, 3)]
    assert list(read.names) == ["a", "b", "c", "d"]


def test_lines_are_recognised_under_the_name_of_a_document_also_where_one_is_bad(tmp_path: Path) -> None:
    expected = [f"a.json, line 1: found invalid JSON (Expecting value, column 7), but {EACH_LINE}"]
    assert outcome(written(tmp_path, "a.json", '{"a": \n{"a": 2}\n{"a": 3}')) == ([{"a": 2}, {"a": 3}], expected)
    assert contents(written(tmp_path, "b.json", '{"data":\n [\n{"a": 2}\n]}')) == [{"a": 2}]


def test_the_recipe_can_say_what_a_file_is(tmp_path: Path) -> None:
    rows = {"x": {"0": "a", "1": "b"}, "y": {"0": "c", "1": "d"}}
    path = written(tmp_path, "a.json", json.dumps(rows))
    assert contents(path, format="json") == list(rows.values())
    assert contents(path, format="jsonl") == [rows]
    numbered = written(tmp_path, "b.json", json.dumps({"0": {"0": "a"}, "1": {"0": "b"}}))
    assert refusal(numbered) == f": found 2 objects with the same 1 keys, which may be rows or columns; {CHOOSE}"
    assert contents(numbered, format="json_columns") == [{"0": "a", "1": "b"}]
    named = written(tmp_path, "c.json", json.dumps({"q": {"id_a": 1, "id_b": 2}, "a": {"id_a": 3}}))
    assert contents(named, format="json_columns") == [{"q": 1, "a": 3}, {"q": 2}]
    long = written(tmp_path, "d.json", json.dumps({name: {f"id{n}": n for n in range(30_000)} for name in "qa"}))
    assert refusal(long) == f": found 2 objects with the same 30,000 keys, which may be rows or columns; {CHOOSE}"
    mixed = written(tmp_path, "e.json", json.dumps({"id": ["x"], "answers": [{"text": "y"}]}))
    assert refusal(mixed) == f": found lists of equal length, 1 of them with objects; {CHOOSE}"
    assert contents(mixed, format="json") == [{"text": "y"}]
    assert contents(mixed, format="json_columns") == [{"id": "x", "answers": {"text": "y"}}]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", '"x"', f": found a text, but {SHAPES}"),
        ("a.json", "null", f": found null, but {SHAPES}"),
        ("a.json", '{"a": 1, "b": "x"}', f": found an object with 0 lists of objects, but {SHAPES}"),
        (
            "a.json",
            '{"train": [{"a": 1}], "test": [{"a": 2}]}',
            f": found an object with 2 lists of objects, but {SHAPES}",
        ),
        ("a.json", "[1, 2", f", line 1: found invalid JSON (Expecting ',' delimiter, column 6), but {WHOLE}"),
        ("a.json", "", f", line 1: found invalid JSON (Expecting value, column 1), but {WHOLE}"),
        ("a.json", '{"d": [{"a": 1}], "d": [{"a": 2}]}', ": found the key 'd' twice in the whole document"),
        (
            "a.json",
            '[{"a": "\\ud800"}, 2]',
            ": none of its 2 rows can be read; a.json, item 1: found half a character (\\ud800), but surrogates come in"
            " pairs",
        ),
        (
            "a.jsonl",
            "{'a': 1}\n{'a': 2}\n",
            ": none of its 2 rows can be read; a.jsonl, line 1: found invalid JSON (Expecting property name enclosed in"
            f" double quotes, column 2), but {EACH_LINE}",
        ),
    ],
)
def test_a_file_whose_structure_is_bad_is_refused(tmp_path: Path, name: str, content: str, message: str) -> None:
    assert refusal(written(tmp_path, name, content)) == message


def test_columns_of_different_lengths_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "a.json", '{"q": ["a", "b"], "a": ["c"]}')
    assert refusal(path, format="json_columns") == (
        ": found 2 values in the column 'q' and 1 in 'a', but columns must have equal lengths"
    )
    assert refusal(written(tmp_path, "b.json", "[1]"), format="json_columns") == (
        ": found a list, but columns are an object of lists, or of objects"
    )
