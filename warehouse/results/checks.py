"""The checks of every asset: its rows match their schemas and its ledger closes. Pure functions of a result.

The store also refuses a table that is invalid as a whole and a record with two decisions: these never become a version.
Anything else that a check finds is published with the check, and nothing is built on that version.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import replace

import pandera.polars as pa
import polars as pl

from warehouse.results.result import DECISION_COLUMNS, DROPPED_COLUMNS, Check, Result
from warehouse.results.validation import fault, validated
from warehouse.schema.bookkeeping import OUTCOMES, Decision, Edge, KnownRecord

SCHEMA, LEDGER, OPENNESS = "schema", "ledger", "openness"


def checked(result: Result) -> Result:
    """`result` ready to be published: rows that break their model are quarantined, both checks come before its own.

    Raises InvalidTable (see `validated`) and TypeError (see `ledger`).
    """
    valid = validated(result)
    return replace(valid, checks=(schema(valid, len(result.kept)), ledger(valid), *result.checks))


def schema(result: Result, validated_rows: int) -> Check:
    """Whether the frames of a result match the pandera models of their tables.

    `validated_rows` is the number of kept rows before validation; the difference was quarantined.
    """
    tables: dict[str, tuple[pa.DataFrameSchema, pl.DataFrame]] = {
        "kept": (result.model.to_schema(), result.kept),
        "decisions": (Decision.to_schema().select_columns(list(DECISION_COLUMNS)), result.decisions),
        "dropped": (KnownRecord.to_schema().select_columns(list(DROPPED_COLUMNS)), result.dropped),
        "edges": (Edge.to_schema(), result.edges),
    }
    faults = {name: fault(model, table) for name, (model, table) in tables.items()}
    broken = {f"broken in {name}": found for name, found in faults.items() if found}
    facts = {"rows validated": validated_rows, "rows quarantined": validated_rows - len(result.kept)}
    return Check(SCHEMA, not broken, {**facts, **broken})


def ledger(result: Result) -> Check:
    """Whether in = kept + rejected + duplicate + failed + quarantined, with one decision per record.

    Rows that are counted and not on record have an outcome too. `in` is counted where rows come in, independently of
    the decisions. Raises TypeError where the step did not count: that is a bug of the step.
    """
    if result.incoming is None:
        raise TypeError(
            f"a step that makes {result.model.__name__} rows does not count its incoming rows; "
            "pass `incoming` to its Gate, or call `arrive`"
        )
    decisions = result.decisions
    count = Counter(decisions["outcome"])
    for (outcome, _), rows_of_it in result.counted.items():
        count[outcome] += rows_of_it
    outcomes = {outcome: count[outcome] for outcome in OUTCOMES}
    kept = decisions.filter(outcome="kept")["record"]
    rows = result.kept["id"]
    faults = {
        "decided twice": len(decisions) - decisions["record"].n_unique(),
        "kept without a row": kept.is_in(rows.implode()).not_().sum(),
        "rows without a decision": rows.is_in(kept.implode()).not_().sum(),
    }
    found = {fault: records for fault, records in faults.items() if records}
    closes = result.incoming == result.rows == sum(outcomes.values())
    return Check(LEDGER, closes and not found, {"in": result.incoming, **outcomes, **found})


def failed_checks(checks: Iterable[Check], blocking: Collection[str]) -> str:
    """The failed checks among `blocking` with their facts, for a message; "" where none failed."""
    return ", ".join(
        f"{check.name} ({', '.join(f'{name}: {value}' for name, value in check.facts.items())})"
        for check in checks
        if check.name in blocking and not check.passed
    )


def blocked_message(asset: str, failed: str) -> str:
    """The message wherever something waits for `asset`; `failed` is the result of `failed_checks`."""
    return (
        f"{asset} failed its check {failed}: nothing is built on it; fix its part of the recipe, what it reads, or "
        "its code, and build it again"
    )
