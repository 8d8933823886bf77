"""Validation is the last step before the warehouse. A row that breaks its model must be quarantined with the reason,
neither lost nor let through; a table that is invalid as a whole must stop the publish."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from warehouse.results.result import Check, Gate, Result
from warehouse.results.validation import InvalidTable, validated
from warehouse.schema.records import Embedding, Pair, Perplexity, Record

PARENT = "e" * 32


def pair(**changed: Any) -> dict[str, Any]:
    row = {"method": "m", "level": "", "instruction": "Why?", "input": "", "response": "So."}
    return row | changed


def kept(model: type[Record], *rows: dict[str, Any]) -> tuple[list[str], Result]:
    gate = Gate(model)
    return [gate.keep(row, [(PARENT, "document")]) for row in rows], gate.result()


def test_a_valid_result_passes_through_unchanged() -> None:
    _, result = kept(Pair, pair(), pair(instruction="How?"))
    assert validated(result) is result


def test_a_result_without_rows_passes_through_unchanged() -> None:
    result = Gate(Pair).result()
    assert validated(result) is result


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"instruction": ""}, "instruction breaks str_length(1, None)"),
        ({"level": "bad"}, "level breaks isin(['', 'keywords', 'sentence', 'model'])"),
        ({"input": None}, "input breaks not_nullable"),
        ({"response": "So\0."}, "a text has the character U+0000"),
        (
            {"level": "bad", "instruction": "", "response": ""},
            "level breaks isin(['', 'keywords', 'sentence', 'model']); "
            "instruction breaks str_length(1, None); response breaks str_length(1, None)",
        ),
    ],
)
def test_a_row_that_breaks_its_model_is_quarantined_with_every_broken_rule(
    changed: dict[str, Any], reason: str
) -> None:
    (good, bad), result = kept(Pair, pair(), pair(**changed))
    checked = validated(result)
    assert checked.kept.to_dicts() == [{"id": good, **pair()}]
    assert checked.decisions.rows() == [
        (good, "kept", None, None, None, None),
        (bad, "quarantined", reason, None, None, None),
    ]
    assert [(row_id, json.loads(content)) for row_id, content in checked.dropped.rows()] == [(bad, pair(**changed))]


def test_numbers_out_of_range_are_quarantined_with_their_score() -> None:
    gate = Gate(Perplexity)
    row = {"pair": "a" * 32, "measure": "response_alone", "value": 0.0, "tokens": -1}
    bad = gate.keep(row, score=2.0, cut=1.0)
    checked = validated(gate.result())
    reason = "value breaks greater_than(0.0); tokens breaks greater_than_or_equal_to(0)"
    assert checked.kept.is_empty()
    assert checked.decisions.rows() == [(bad, "quarantined", reason, 2.0, 1.0, None)]


def test_a_row_with_a_list_is_quarantined_with_the_list() -> None:
    (good, bad), result = kept(
        Embedding, {"embedded": "a" * 32, "vector": [0.5, 0.25]}, {"embedded": "?", "vector": [0.5]}
    )
    checked = validated(result)
    assert checked.kept["id"].to_list() == [good]
    assert checked.decisions.rows()[1][:3] == (
        bad,
        "quarantined",
        "embedded breaks str_matches('^[0-9a-f]{32}$')",
    )
    assert json.loads(checked.dropped["content"][0]) == {"embedded": "?", "vector": [0.5]}


def test_what_was_dropped_before_and_all_else_stay() -> None:
    gate = Gate(Pair)
    first = gate.keep(pair(), [(PARENT, "document")])
    gate.keep(pair(instruction=""), [(PARENT, "document")])
    last = gate.keep(pair(instruction="How?"), [(PARENT, "document")])
    lost = gate.reject(pair(instruction="Eh"), "too short", [(PARENT, "document")], score=1, cut=3)
    result = gate.result([Check("leakage", True)], {"note": 1}, {"plot": "x"})
    checked = validated(result)
    assert checked.kept["id"].to_list() == [first, last]
    assert checked.decisions["record"].to_list()[:2] == [first, last]
    assert checked.counts() == {
        ("kept", ""): 2,
        ("rejected", "too short"): 1,
        ("quarantined", "instruction breaks str_length(1, None)"): 1,
    }
    assert checked.decisions.filter(record=lost).rows() == [(lost, "rejected", "too short", 1.0, 3.0, None)]
    assert len(checked.dropped) == 2
    assert checked.edges.equals(result.edges)
    assert (checked.checks, checked.notes, checked.plots) == (result.checks, {"note": 1}, {"plot": "x"})


def test_quarantine_changes_the_data_version() -> None:
    _, result = kept(Pair, pair(), pair(instruction=""))
    _, without = kept(Pair, pair())
    assert validated(result).data_version == without.data_version != result.data_version


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda frame: pl.concat([frame, frame]),
            "the table of Pair rows breaks the rule field_uniqueness in column 'id': found '{id}'; "
            "nothing was published",
        ),
        (
            lambda frame: frame.drop("input"),
            "the table of Pair rows breaks the rule column_in_dataframe: found 'input'; nothing was published",
        ),
        (
            lambda frame: frame.with_columns(extra=1),
            "the table of Pair rows breaks the rule column_in_schema: found 'extra'; nothing was published",
        ),
        (
            lambda frame: frame.with_columns(input=pl.lit(1, pl.Int64)),
            "the table of Pair rows breaks the rule dtype('String') in column 'input': found 'Int64'; "
            "nothing was published",
        ),
    ],
    ids=["repeated id", "missing column", "extra column", "wrong type"],
)
def test_a_table_that_is_wrong_as_a_whole_is_refused(spoil: Any, message: str) -> None:
    (row_id,), result = kept(Pair, pair())
    with pytest.raises(InvalidTable) as refused:
        validated(replace(result, kept=spoil(result.kept)))
    assert str(refused.value) == message.replace("{id}", row_id)


def test_a_table_that_is_wrong_is_refused_even_where_single_rows_are_too() -> None:
    _, result = kept(Pair, pair(), pair(instruction=""))
    with pytest.raises(InvalidTable, match="column_in_dataframe"):
        validated(replace(result, kept=result.kept.drop("input")))
