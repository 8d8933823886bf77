"""A path that finds another value than its author meant pairs the wrong texts, without an error. So the tests state
what each form of path finds, and why it finds nothing where that is so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.recipe.lookup import ABSENT, Item, Turn, find, items_of, opened
from assets.recipe.mapping import Mapping, MappingError, Template, TemplateError, check_fields
from assets.recipe.paths import Path, PathError, written

TURNS = [
    {"from": "system", "value": "be brief"},
    {"from": "human", "value": "what is tea"},
    {"from": "gpt", "value": "a drink", "rank": 0},
    {"from": "human", "value": "and mate"},
    {"from": "gpt", "value": "another", "rank": 1},
]
ROW: dict[str, object] = {
    "turns": TURNS,
    "a.b": {"x]y": ["zero", "one"]},
    'say "hi"': "quotes",
    "Question?": "mark",
    "Answer:": "colon",
    " blank ": "outer",
    "{brace}": "braces",
    "columns": {"from": ["human", "gpt"], "value": ["asked", "answered"]},
    "as_text": '[{"from": "human", "value": "inside"}]',
    "broken": '[{"from": ',
    "authors": [{"author": {"role": "user"}, "n": 1}, {"author": {"role": "bot"}, "n": "2"}],
    "nothing": None,
    "number": 3,
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("turns[from=human].value", "what is tea"),
        ("turns[from=human][1].value", "and mate"),
        ("turns[from=human][next].value", "a drink"),
        ("turns[from=human][next][from=gpt].value", "a drink"),
        ("turns[from=gpt][previous].value", "what is tea"),
        ("turns[from=gpt][1][previous].value", "and mate"),
        ("turns[from=gpt][rank=1].value", "another"),
        ("turns[from=gpt][rank=1.0].value", "another"),
        ("turns[from=user|human].value", "what is tea"),
        ('turns[ from = "user" | "human" ].value', "what is tea"),
        ("turns[2].value", "a drink"),
        ("turns.2.value", "a drink"),
        ("authors[author.role=bot].n", "2"),
        ("authors[n=2].author.role", "bot"),
        ('"a.b"."x]y".1', "one"),
        (r'"say \"hi\""', "quotes"),
        ('"Question?"', "mark"),
        ('"Answer:"', "colon"),
        ('" blank "', "outer"),
        ('"{brace}"', "braces"),
        ("columns[from=gpt].value", "answered"),
        ("columns.value.1", "answered"),
        ("as_text[from=human].value", "inside"),
        ("as_text.0.value", "inside"),
    ],
)
def test_a_path_finds_this_value(path: str, value: object) -> None:
    assert find(ROW, Path.parse(path)).value == value


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("turns[from=tool].value", "finds no item for [from=tool]"),
        ("turns[from=system][next][from=gpt].value", "finds no item for [from=gpt]"),
        ("turns[4][next].value", "finds no item for [next]"),
        ("turns[0][previous].value", "finds no item for [previous]"),
        ("turns.value", "leads into a list; say which item, as in turns.0 or turns[role=user]"),
        ("number[from=human].value", "picks from number, which is no list"),
        ("broken.0.value", "leads into a text that starts like JSON, but is not valid JSON"),
        ("broken[from=human].value", "picks from broken, a text that is no valid JSON list"),
        ("[next].value", "starts from an item, but the row is not made of one"),
        ("nothing[from=human].value", ABSENT),
        ("missing.deep", ABSENT),
        ("number.0", ABSENT),
    ],
)
def test_where_a_path_finds_nothing_the_reason_says_why(path: str, reason: str) -> None:
    found = find(ROW, Path.parse(path))
    assert (found.value, found.reason) == (None, reason)


def test_a_path_that_begins_with_brackets_starts_from_the_item_of_the_row() -> None:
    row = Item({"value": "and mate"}, Turn("turns", TURNS, 3, by_position=False))
    assert find(row, Path.parse("[next].value")).value == "another"
    assert find(row, Path.parse("[previous][from=gpt].value")).value == "a drink"
    assert find(row, Path.parse("[next][from=human].value")).value is None
    assert find(row, Path.parse("[from=human].value")).value == "and mate"


@pytest.mark.parametrize(
    "path",
    [
        *("", " a", "a ", "a..b", ".a", "a.", "a]b", 'a"b', '"a', '"a"b', '"\\x"', '""', "{a}", "a?", "a:lines"),
        *("a[", "a[]", "a[=x]", "a[k=]", "a[k=x|]", "a[k=x", "a[k]", "a[-1]", "a[b=c]d", "a[b='c]d']x"),
    ],
)
def test_text_that_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(PathError, match=r"is no path|is no pick from a list|is no name in quotes"):
        Path.parse(path)


@given(name=st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_name_can_be_written_in_a_template(name: str) -> None:
    """Including dots, braces, quotes, blanks and line ends."""
    assert Template.parse(f"{{{written(name)}}}").render({name: "x"}) == "x"
    assert Template.parse(f"{{outer.{written(name)}?:lines}}").render({"outer": {name: "x"}}) == "x"


@given(text=st.text(alphabet='ab.[]"=|0?:{} nextprvious\\', max_size=24))
def test_any_text_is_a_path_or_a_path_error(text: str) -> None:
    try:
        path = Path.parse(text)
    except PathError:
        return
    assert path.text == text
    find(ROW, path)
    find(Item({"a": TURNS}, Turn("a", TURNS, 0, by_position=False)), path)


def test_a_text_that_only_looks_like_json_stays_a_text() -> None:
    assert opened("[1] see below") == "[1] see below"
    assert opened('{"a": NaN}') == {"a": None}
    assert opened(r'{"a": "\ud800"}') == r'{"a": "\ud800"}'
    assert opened("[" * 100_000) == "[" * 100_000
    assert items_of({"a": [1, 2], "b": [3]}) is None


def test_a_message_proposes_a_dotted_name_in_the_form_that_works() -> None:
    with pytest.raises(MappingError) as caught:
        check_fields(Mapping.parse({"response": "{answers.text.0}"}), ["answers.text", "question"])
    assert str(caught.value) == (
        "field 'response': its template names 'answers', which no row of the source has;"
        ' write {"answers.text"}; available: "answers.text", question'
    )
    with pytest.raises(MappingError, match='nearest: "Question\\?"; available'):
        check_fields(Mapping.parse({"instruction": "{Question?}"}), ["Question?"])
    with pytest.raises(TemplateError, match=r'a name with a colon is written in quotes, as \{"Answer:"\}'):
        Template.parse("{Answer:}")


def test_a_message_lists_few_names_and_cuts_long_ones() -> None:
    with pytest.raises(MappingError) as caught:
        check_fields(
            Mapping.parse({"response": "{x}"}), [f"column {number:05} {'long ' * 50}" for number in range(20_000)]
        )
    assert "and 19990 more" in str(caught.value)
    assert len(str(caught.value)) < 700
