"""A filter that decides by place must put on record exactly what one that takes its rows apart does: the same rows, the
same content and the same decisions, or a faster path would be another dataset."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.core.identity import canonical, digest
from warehouse.results.result import DROPPED_COLUMNS, Check, Gate
from warehouse.results.selection import Selection, contents
from warehouse.schema.records import Document, Pair, empty

OUTCOMES = ["keep", "reject", "duplicate", "fail"]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def pair(number: int, text: str) -> dict[str, str]:
    return {
        "id": digest(number),
        "method": "seeds",
        "level": "",
        "instruction": text,
        "input": "",
        "response": f'{text}\n"{number}"',
    }


@given(st.permutations(range(6)), st.lists(st.sampled_from(OUTCOMES), min_size=6, max_size=6), TEXT)
def test_it_gives_what_a_gate_gives(order: list[int], outcomes: list[str], text: str) -> None:
    """In any order of decisions."""
    rows = [pair(number, text) for number in range(6)]
    frame = pl.DataFrame(rows, schema=empty(Pair).schema)
    gate, selection = Gate(Pair, len(rows)), Selection(Pair, frame)
    for place in order:
        given: dict[str, Any] = {
            "keep": {"score": 0.5, "cut": 0.9},
            "reject": {"reason": "too short", "score": float(place), "cut": 7.0, "of": digest("item")},
            "duplicate": {"of": digest(0), "reason": "similar", "score": 0.95, "cut": 0.9},
            "fail": {"error": "timed out"},
        }[outcomes[place]]
        getattr(gate, outcomes[place])(rows[place], **given)
        getattr(selection, outcomes[place])(place, **given)
    check = Check("leakage", True)
    expected, found = gate.result([check], {"cut": 1}), selection.result([check], {"cut": 1})
    for name in ("kept", "decisions", "dropped", "edges"):
        assert getattr(found, name).equals(getattr(expected, name)), name
        assert getattr(found, name).schema == getattr(expected, name).schema, name
    assert selection.losses() == gate.losses()
    assert selection.kept.equals(expected.kept)
    for name in ("checks", "notes", "incoming", "counted", "data_version"):
        assert getattr(found, name) == getattr(expected, name), name


def test_no_row_gives_an_empty_result() -> None:
    result = Selection(Pair, empty(Pair)).result()
    assert (len(result.kept), len(result.decisions), result.incoming) == (0, 0, 0)
    assert dict(result.dropped.schema) == DROPPED_COLUMNS


def test_rows_of_another_kind_are_refused() -> None:
    with pytest.raises(TypeError, match=r"Pair rows have .*; found .*text"):
        Selection(Pair, empty(Document))


@given(st.dictionaries(TEXT, st.none() | TEXT, min_size=1, max_size=3))
def test_texts_are_written_as_everywhere(row: dict[str, str | None]) -> None:
    """A row's content is compared with that of other builds."""
    assert contents(pl.DataFrame([row], schema=dict.fromkeys(row, pl.String))).to_list() == [canonical(row)]


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**53), 2**53), st.booleans())
def test_numbers_are_written_as_everywhere(number: float, whole: int, yes: bool) -> None:
    row = {"number": number, "whole": whole, "yes": yes, "list": [whole]}
    assert contents(pl.DataFrame([row])).to_list() == [canonical(row)]
