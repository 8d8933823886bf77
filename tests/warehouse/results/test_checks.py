"""A check that cannot fail proves nothing. So each fault that `schema` and `ledger` look for is made once, alone, in a
result that is otherwise valid; and the message must say what the check found."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from warehouse.results.checks import checked, failed_checks, ledger, schema
from warehouse.results.result import Check, Gate, Result
from warehouse.schema.records import Document

SOURCE = ("5" * 32, "source")
CLOSED = {"in": 5, "kept": 2, "rejected": 1, "duplicate": 1, "failed": 1, "quarantined": 0}


def document(text: str) -> dict[str, str]:
    return {"source": "wiki", "title": "", "text": text}


def result(*kept: str, incoming: int | None = 5) -> Result:
    """Two kept documents (or those given), and one of each other outcome except quarantined."""
    gate = Gate(Document, incoming)
    for text in kept or ("a", "b"):
        gate.keep(document(text), [SOURCE])
    gate.keep(document((kept or ("a",))[0]), [SOURCE])
    gate.reject(document("d"), "too short", [SOURCE])
    gate.fail(document("e"), "timed out", [SOURCE])
    return gate.result()


def test_a_ledger_that_closes_passes_with_its_numbers() -> None:
    assert ledger(result()) == Check("ledger", True, CLOSED)


def test_a_ledger_of_no_rows_closes() -> None:
    nothing = {"in": 0, "kept": 0, "rejected": 0, "duplicate": 0, "failed": 0, "quarantined": 0}
    assert ledger(Gate(Document, 0).result()) == Check("ledger", True, nothing)


@pytest.mark.parametrize("incoming", [4, 6])
def test_an_incoming_row_without_a_decision_fails_the_ledger(incoming: int) -> None:
    assert ledger(result(incoming=incoming)) == Check("ledger", False, CLOSED | {"in": incoming})


def test_a_record_with_two_decisions_fails_the_ledger() -> None:
    sound = result(incoming=6)
    twice = replace(sound, decisions=pl.concat([sound.decisions, sound.decisions[-1:]]))
    expected = CLOSED | {"in": 6, "failed": 2, "decided twice": 1}
    assert ledger(twice) == Check("ledger", False, expected)


def test_an_outcome_that_is_none_of_the_five_fails_the_ledger() -> None:
    sound = result()
    lost = sound.decisions.with_columns(outcome=pl.col("outcome").replace("failed", "lost"))
    assert ledger(replace(sound, decisions=lost)) == Check("ledger", False, CLOSED | {"failed": 0})


def test_a_kept_decision_without_its_row_fails_the_ledger() -> None:
    sound = result()
    found = ledger(replace(sound, kept=sound.kept[:1]))
    assert found == Check("ledger", False, CLOSED | {"kept without a row": 1})


def test_a_kept_row_without_its_decision_fails_the_ledger() -> None:
    sound = result(incoming=4)
    found = ledger(replace(sound, decisions=sound.decisions[1:]))
    assert found == Check("ledger", False, CLOSED | {"in": 4, "kept": 1, "rows without a decision": 1})


def test_a_step_that_does_not_count_its_incoming_rows_raises() -> None:
    with pytest.raises(TypeError) as raised:
        checked(result(incoming=None))
    assert str(raised.value) == (
        "a step that makes Document rows does not count its incoming rows; "
        "pass `incoming` to its Gate, or call `arrive`"
    )


def test_tables_that_fit_their_models_pass() -> None:
    assert schema(result(), 2) == Check("schema", True, {"rows validated": 2, "rows quarantined": 0})


def test_rows_that_validation_set_aside_are_counted_and_pass() -> None:
    sound = checked(result("a", "", incoming=5))
    assert sound.checks == (
        Check("schema", True, {"rows validated": 2, "rows quarantined": 1}),
        Check("ledger", True, CLOSED | {"kept": 1, "quarantined": 1}),
    )
    assert sound.kept["text"].to_list() == ["a"]


@pytest.mark.parametrize(
    ("table", "column", "value", "fault"),
    [
        ("kept", "text", "", "text breaks str_length(1, None): found ''"),
        ("kept", "id", "no id", "id breaks str_matches('^[0-9a-f]{32}$'): found 'no id'"),
        (
            "decisions",
            "outcome",
            "lost",
            "outcome breaks isin(('kept', 'rejected', 'duplicate', 'failed', 'quarantined')): found 'lost'",
        ),
        ("decisions", "duplicate_of", "?", "duplicate_of breaks str_matches('^[0-9a-f]{32}$'): found '?'"),
        ("dropped", "id", "?", "id breaks str_matches('^[0-9a-f]{32}$'): found '?'"),
        ("edges", "role", "", "role breaks str_length(1, None): found ''"),
        ("edges", "parent", None, "parent breaks not_nullable: found None"),
    ],
)
def test_a_value_that_breaks_its_table_fails_the_schema(table: str, column: str, value: Any, fault: str) -> None:
    sound = result()
    frame: pl.DataFrame = getattr(sound, table)
    last = pl.int_range(pl.len()) == pl.len() - 1
    spoilt = frame.with_columns(pl.when(last).then(pl.lit(value, pl.String)).otherwise(pl.col(column)).alias(column))
    found = schema(replace(sound, **{table: spoilt}), 2)
    expected = {"rows validated": 2, "rows quarantined": 0, f"broken in {table}": fault}
    assert found == Check("schema", False, expected)


def test_a_table_without_one_of_its_columns_fails_the_schema() -> None:
    sound = result()
    found = schema(replace(sound, edges=sound.edges.drop("role")), 2)
    assert (found.passed, found.facts["broken in edges"]) == (
        False,
        "Edge breaks column_in_dataframe: found 'role'",
    )


def test_the_checks_of_every_asset_stand_before_those_of_its_own() -> None:
    own = Check("leakage", False, {"rows": 2})
    names = [check.name for check in checked(replace(result(), checks=(own,))).checks]
    assert names == ["schema", "ledger", "leakage"]


def test_failed_blocking_checks_are_listed_with_their_facts() -> None:
    checks = [
        Check("ledger", True, {"in": 1}),
        Check("leakage", False, {"rows": 2, "texts in both": 1}),
        Check("taste", False, {"rows": 2}),
        Check("schema", False, {"rows validated": 3}),
    ]
    blocking = {"ledger", "leakage", "schema"}
    assert failed_checks(checks, blocking) == "leakage (rows: 2, texts in both: 1), schema (rows validated: 3)"
    assert failed_checks(checks[:1], blocking) == ""
