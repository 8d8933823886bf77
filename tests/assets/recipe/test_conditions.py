"""`where` decides which rows there are, and a condition that is never met looks like an empty source. So the tests
state what each operator lets through, the reason of each row that is left out, and which conditions are refused."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from assets.recipe.conditions import Types, Unmet, parse_where, reasons
from assets.recipe.rendering import folded
from warehouse.core.errors import UserError

NONE: frozenset[str] = frozenset()
ROW: dict[str, object] = {
    "lang": " en ",
    "score": 3,
    "text_score": "4.5",
    "huge": 10**400,
    "good": True,
    "good_text": "False",
    "tags": ["soup", "tea"],
    "json_tags": '["soup", 2]',
    "date": "2024-02-01",
    "meta": {"source": {"name": "wiki"}},
    "turns": [{"role": "user", "text": "hi"}, {"role": "assistant", "text": "ho"}],
    "nothing": None,
    "blank": "  ",
    "gap": float("nan"),
    "mark": "N/A",
}


def unmet(where: dict[str, Any], absent: frozenset[str] = NONE) -> str | None:
    found = [fault for condition in parse_where(where) if (fault := condition.unmet(ROW, absent))]
    return whole_reasons(found[:1])[0] if found else None


def whole_reasons(found: list[Unmet]) -> list[str]:
    keys = [(one.reason, one.value) for one in found]
    whole = reasons(Counter(keys))
    return [whole[key] for key in keys]


@pytest.mark.parametrize(
    "where",
    [
        {"lang": "en"},
        {"lang": ["de", "en"]},
        {"lang": {"not": "de"}},
        {"lang": {"not": ["de", "fr"]}},
        {"score": 3},
        {"score": "3"},
        {"score": {"at_least": 3, "at_most": 3.0}},
        {"text_score": 4.5},
        {"text_score": {"at_least": 4}},
        {"huge": {"at_least": 4}},
        {"good": True},
        {"good": "true"},
        {"good_text": False},
        {"tags": "tea"},
        {"tags": {"contains": "ou"}},
        {"json_tags": 2},
        {"date": {"at_least": "2024-01-31", "at_most": "2024-12-31"}},
        {"meta.source.name": "wiki"},
        {"turns[role=assistant].text": "ho"},
        {"turns[2]": {"present": False}},
        {"nothing": {"present": False}},
        {"blank": {"present": False}},
        {"lang": {"present": True}},
    ],
)
def test_a_row_that_meets_a_condition_is_chosen(where: dict[str, Any]) -> None:
    assert unmet(where) is None


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ({"lang": "de"}, "where: lang is en"),
        ({"lang": "EN"}, "where: lang is en"),
        ({"lang": {"not": ["de", "en"]}}, "where: lang is en"),
        ({"lang": {"present": False}}, "where: lang is present"),
        ({"score": 4}, "where: score is 3"),
        ({"score": True}, "where: score is 3"),
        ({"score": {"at_least": 4}}, "where: score is below 4"),
        ({"score": {"at_most": 2}}, "where: score is above 2"),
        ({"huge": {"at_most": 2}}, "where: huge is above 2"),
        ({"lang": {"at_least": 4}}, "where: lang is no number"),
        ({"good": False}, "where: good is true"),
        ({"good": 1}, "where: good is true"),
        ({"tags": {"not": "tea"}}, "where: tags is tea"),
        ({"tags": "bread"}, "where: tags is soup"),
        ({"tags": {"contains": ["bread", "jam"]}}, "where: tags does not contain 'bread', 'jam'"),
        ({"date": {"at_least": "2024-02-02"}}, "where: date is below 2024-02-02"),
        ({"nothing": "x"}, "where: nothing is absent"),
        ({"nothing": {"not": "x"}}, "where: nothing is absent"),
        ({"gap": {"at_least": 1}}, "where: gap is absent"),
        ({"missing.deep": {"present": True}}, "where: missing.deep is absent"),
        ({"lang": "en", "score": 4}, "where: score is 3"),
    ],
)
def test_a_row_that_does_not_is_left_out_with_this_reason(where: dict[str, Any], reason: str) -> None:
    assert unmet(where) == reason


def test_a_missed_limit_is_put_on_record_with_the_number() -> None:
    (condition,) = parse_where({"score": {"at_least": 4}})
    assert condition.unmet(ROW, NONE) == Unmet("where: score is below 4", score=3, cut=4)


def test_values_that_mean_nothing_are_absent() -> None:
    assert unmet({"mark": {"present": True}}) is None
    assert unmet({"mark": {"present": True}}, folded([" n/a "])) == "where: mark is absent"
    (condition,) = parse_where({"list": "en"})
    assert condition.unmet({"list": "[]"}, NONE) == Unmet("where: list is absent")
    assert unmet({"score": 3}, folded(["3"])) == "where: score is absent"


def test_rare_values_share_one_reason() -> None:
    rows = [{"lang": f"x{number:03}"} for number in range(300)] + [{"lang": "de"}] * 9
    (condition,) = parse_where({"lang": "en"})
    found = whole_reasons([fault for row in rows if (fault := condition.unmet(row, NONE))])
    assert len(set(found)) == 21
    assert found.count("where: lang is de") == 9
    assert found.count("where: lang is another value") == 300 - 19


def test_a_long_value_is_cut_in_its_reason() -> None:
    (condition,) = parse_where({"lang": "en"})
    fault = condition.unmet({"lang": "word\n" * 5000}, NONE)
    assert fault is not None and fault.value is not None and len(fault.value) == 40 and "\n" not in fault.value


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({}, "it is empty, but it must name a field, such as lang: en"),
        ({"a..b": 1}, "a..b: 'a..b' is no path"),
        ({"Question?": 1}, "Question?: 'Question?' is no path: a name with '?' is written in quotes, as \"Question?\""),
        ({"a": None}, "a: found null; write {present: false} for rows without a value"),
        ({"a": []}, "a: found an empty list, but it must have a value"),
        ({"a": {}}, "a: found no operator; known are at_least, at_most, contains, not, present"),
        ({"a": {"atleast": 1}}, "a: there is no operator 'atleast'; did you mean 'at_least'?"),
        (
            {"a": {"source": "wiki"}},
            "a: there is no operator 'source'; known: at_least, at_most, contains, not, present;"
            " a field inside it is written a.source",
        ),
        ({"a": {"present": "yes"}}, "a: present must be true or false"),
        ({"a": {"at_least": True}}, "a: at_least must be a number, or a text such as '2024-01-31'"),
        ({"a": {"at_most": [1, 2]}}, "a: at_most must be a number, or a text such as '2024-01-31'"),
        ({"a": {"contains": 4}}, "a: contains must be a text, or a list of texts of which one is enough"),
        ({"a": {"present": False, "not": "x"}}, "a: present: false cannot be combined with other operators"),
        ({"a": [[1]]}, "a: found [1], but it must be a text, a number, true or false (a date is written in quotes)"),
        ({"a": float("nan")}, "a: found nan, but it must be a text, a number, true or false"),
    ],
)
def test_a_condition_that_cannot_be_read_says_what_would_be_right(where: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_where(where)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("where", "values", "message"),
    [
        (
            {"score": {"at_least": 4}},
            ["high", None],
            "where: score is to be compared with 4, but no row has a number there; found values such as 'high'",
        ),
        (
            {"lang": [False, "en"]},
            ["no", "yes"],
            "where: lang is to be compared with false, but no row has true or false there; found values such as 'no';"
            " YAML reads yes, no, on and off as true and false, so write such a text in quotes",
        ),
    ],
)
def test_a_type_that_no_row_has_is_refused(where: dict[str, Any], values: list[object], message: str) -> None:
    with pytest.raises(UserError) as caught:
        check_types(where, [{name: value for name in where} for value in values])
    assert str(caught.value) == message


def test_a_type_that_some_row_has_is_accepted() -> None:
    for where, value in (({"a": 4}, "4"), ({"a": True}, "TRUE"), ({"a": {"at_least": 4}}, ["x", 5]), ({"a": 1}, None)):
        check_types(where, [{"a": "x"}, {"a": value}] if value else [{"a": None}])


def check_types(where: dict[str, Any], rows: list[dict[str, object]]) -> None:
    types = Types(parse_where(where), NONE)
    for row in rows:
        types.look(row)
    types.check()
