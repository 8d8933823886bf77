"""A selection that pairs the wrong texts, or drops rows without a word, spoils a data set in silence. So the tests give
sources in the shapes that people have, and state every pair that comes of them and what becomes of every other row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.recipe.columns import shared
from assets.recipe.mapping import MappingError
from assets.recipe.selections import DocumentSelection, SeedSelection
from assets.sources.partition import in_slice, row_identity
from tests.support.choosing import (
    BY_ROLE,
    SEED,
    SOURCE,
    Chosen,
    Row,
    left_out,
    pairs,
    selected,
)
from warehouse.core.errors import UserError


def test_where_leaves_rows_out_with_their_reasons_and_the_source_as_parent(chosen: Chosen) -> None:
    rows = [
        {"q": "one", "a": "yes", "lang": "en", "score": 5},
        {"q": "two", "a": "yes", "lang": "de", "score": 5},
        {"q": "three", "a": "yes", "lang": "en", "score": 2},
        {"q": "four", "a": "yes", "score": 5},
        {"q": "five", "lang": "en", "score": 4},
    ]
    fields = {"instruction": "{q}", "response": "{a}"}
    result = chosen(rows, where={"lang": "en", "score": {"at_least": 4}}, fields=fields)
    assert pairs(result) == {("one", "yes")}
    assert left_out(result) == {
        "rejected: where: lang is de": 1,
        "rejected: where: score is below 4": 1,
        "rejected: where: lang is absent": 1,
        "quarantined: field 'a' is absent or empty": 1,
    }
    assert set(result.edges["parent"]) == {SOURCE}
    assert result.decisions.filter(result.decisions["reason"] == "where: score is below 4")["score"].to_list() == [2.0]


def test_a_condition_on_a_column_that_no_row_has_is_refused_with_all_columns(chosen: Chosen) -> None:
    rows = [{"q": "one", "a": "yes", "language": "en"}]
    fields = {"instruction": "{q}", "response": "{a}"}
    with pytest.raises(MappingError) as caught:
        chosen(rows, where={"langage": "en"}, fields=fields)
    assert str(caught.value) == (
        "where names 'langage', which no row of the source has; nearest: language; available: a, language, q"
    )
    with pytest.raises(UserError, match="where: a is to be compared with 4, but no row has a number there"):
        chosen(rows, where={"a": {"at_least": 4}}, fields=fields)


ALPACA = {"instruction": "{instruction}", "input": "{input?}", "response": "{output}"}


def test_marks_of_no_input_are_absent_by_default_in_the_input_alone(chosen: Chosen) -> None:
    marks = ["<noinput>", "N/A", " No input ", "[No Input]", "", "None of these"]
    rows = [{"instruction": f"task {mark}", "input": mark, "output": "N/A"} for mark in marks]
    kept = chosen(rows, count=6, fields=ALPACA).kept
    assert sorted(kept["input"]) == ["", "", "", "", "", "None of these"]
    assert set(kept["response"]) == {"N/A"}


def test_the_key_absent_says_what_counts_as_absent_everywhere(chosen: Chosen) -> None:
    rows = [
        {"instruction": "one", "input": "<noinput>", "output": "fine"},
        {"instruction": "two", "input": "-", "output": "-1"},
        {"instruction": "three", "input": "x", "output": -1},
    ]
    result = chosen(rows, absent=["-", "-1"], fields=ALPACA)
    assert result.kept.select("instruction", "input").rows() == [("one", "<noinput>")]
    assert left_out(result) == {"quarantined: field 'output' is absent or empty": 2}
    assert len(chosen(rows, count=3, absent=[], fields=ALPACA).kept) == 3


def test_only_columns_that_some_role_names_count_in_a_row(chosen: Chosen) -> None:
    """Rows that differ in another column are the same row; the columns of other roles keep the slices apart."""
    rows = [{"q": "one", "a": "yes", "n": number} for number in range(3)]
    fields = {"instruction": "{q}", "response": "{a}"}
    result = chosen(rows, fields=fields)
    assert result.counts() == {("kept", ""): 1, ("rejected", "not sampled"): 2}
    other = DocumentSelection.model_validate({"source": "mine", "count": 1, "fields": {"text": "{n}"}})
    seeds = SeedSelection.model_validate({"source": "mine", "count": 1, "fields": fields})
    ways = {"mine": shared([seeds, other], "mine")}
    for slice_ in ((0, 50), (50, 100)):
        inside = [row for row in rows if in_slice(row_identity(row), slice_, str(SEED))]
        if inside:
            counts = chosen(rows, ways, slice=slice_, fields=fields).counts()
            assert counts.get(("rejected", "outside the slice"), 0) == 3 - len(inside)


ANY = st.recursive(
    st.sampled_from([None, "", "human", "gpt", " N/A ", "[broken", '{"a": NaN}', True, -1, 3, 2.5, 10**400]),
    lambda inside: (
        st.lists(inside, max_size=4)
        | st.dictionaries(st.sampled_from(["from", "value", "c", "q", "id"]), inside, max_size=4)
        | st.lists(st.fixed_dictionaries({"from": st.sampled_from(["human", "gpt"]), "value": inside}), max_size=4)
        | st.lists(inside, max_size=3).map(json.dumps)
    ),
    max_leaves=12,
)
WAYS: list[dict[str, Any]] = [
    {"fields": BY_ROLE},
    {"fields": {"instruction": "{c.0.value}", "response": "{c.1.value?}x"}, "where": {"q": ["human", 3, True]}},
    {"fields": {"instruction": "{value}", "response": "{[next].value} {q?:json}"}, "each": "c"},
    {"fields": {"instruction": "{value}", "response": "{[previous][from=gpt].value?}x"}, "each": "c.c[from=human|gpt]"},
    {"fields": {"instruction": "{parent.q:json}", "response": "{q:json}"}, "join": {"parent": "c", "id": "id"}},
    {"fields": {"instruction": "{q}", "response": "{*:json}"}, "where": {"q": {"at_least": 2}}, "absent": ["3"]},
]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.fixed_dictionaries({"c": ANY, "q": ANY, "id": ANY}), min_size=1, max_size=8),
    keys=st.sampled_from(WAYS),
)
def test_any_source_gives_an_outcome_for_every_row_or_an_error_for_users(
    tmp_path: Path, rows: list[Row], keys: dict[str, Any]
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    try:
        result = selected(file, **keys)
    except UserError as error:
        assert len(str(error)) < 2500
    else:
        assert result.incoming == len(result.decisions) >= len(rows)


def test_empty_lists_alone_are_too_few_rows_and_no_missing_field(chosen: Chosen) -> None:
    with pytest.raises(UserError) as caught:
        chosen([{"c": []}], each="c", fields={"instruction": "{value}", "response": "{[next].value}"})
    assert not isinstance(caught.value, MappingError)
