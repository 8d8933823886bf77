"""The checks that every asset has: its rows fit their schemas, and its ledger closes. Pure functions of a result.

A table that is wrong as a whole, or a record that was decided about twice, is refused by the store as well: it never
becomes a version. What else a check finds is published with the check, and nothing is built on it.
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
    """`result` as it may be published: rows that break their model quarantined, and both checks before its own.

    Raises InvalidTable as `validated` does, and TypeError as `ledger` does.
    """
    sound = validated(result)
    return replace(sound, checks=(schema(sound, len(result.kept)), ledger(sound), *result.checks))


def schema(result: Result, validated_rows: int) -> Check:
    """Whether what a result holds fits the pandera models of the tables that it goes into.

    `validated_rows` were kept before validation; those that are missing now were quarantined by it.
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

    `in` was counted where rows come in, apart from the decisions. Raises TypeError where nobody counted: a defect of
    the step.
    """
    if result.incoming is None:
        raise TypeError(
            f"a step that makes {result.model.__name__} rows does not count those that come in; "
            "its Gate needs `incoming`, or has to be told of them by `arrive`"
        )
    decided = result.decisions
    count = Counter(decided["outcome"])
    outcomes = {outcome: count[outcome] for outcome in OUTCOMES}
    kept = decided.filter(outcome="kept")["record"]
    rows = result.kept["id"]
    faults = {
        "decided about twice": len(decided) - decided["record"].n_unique(),
        "kept without a row": kept.is_in(rows.implode()).not_().sum(),
        "rows without a decision": rows.is_in(kept.implode()).not_().sum(),
    }
    found = {fault: records for fault, records in faults.items() if records}
    closes = result.incoming == len(decided) == sum(outcomes.values())
    return Check(LEDGER, closes and not found, {"in": result.incoming, **outcomes, **found})


def failed_checks(checks: Iterable[Check], blocking: Collection[str]) -> str:
    """Those of `blocking` that failed, each with what it found, as a message names them; "" where none failed."""
    return ", ".join(
        f"{check.name} ({', '.join(f'{name}: {value}' for name, value in check.facts.items())})"
        for check in checks
        if check.name in blocking and not check.passed
    )


def held_up(asset: str, failed: str) -> str:
    """What is said wherever `asset` is waited for; `failed` is what `failed_checks` gave."""
    return (
        f"{asset} failed its check {failed}: nothing is built on it; mend its part of the recipe, what it reads, or "
        "its code, and build it again"
    )
