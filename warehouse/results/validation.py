"""Validation before publishing: rows that break the pandera model of their kind are quarantined, never lost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandera.errors as pe
import pandera.polars as pa
import polars as pl

from warehouse.core.errors import UserError
from warehouse.core.identity import canonical
from warehouse.results.result import DROPPED_COLUMNS, Result


class InvalidTable(UserError, ValueError):
    """The table as a whole breaks its model (missing column, wrong type, repeated id). Nothing is published."""


def validated(result: Result) -> Result:
    """`result` with every kept row that breaks the model moved to quarantine; the broken rules are the reason.

    A text with the character U+0000 breaks a rule of all kinds: PostgreSQL cannot store it, and no trainer needs it.
    Raises InvalidTable where the fault is not in single rows.
    """
    try:
        result.model.validate(result.kept, lazy=True)
    except pe.SchemaErrors as errors:
        result = _in_quarantine(result, _broken_rules(result, errors.failure_cases))
    has_null = pl.any_horizontal(pl.col(pl.String).str.contains("\0", literal=True))
    return _in_quarantine(result, dict.fromkeys(result.kept.filter(has_null)["id"], "a text has the character U+0000"))


def fault(model: pa.DataFrameSchema, table: pl.DataFrame) -> str | None:
    """The first rule that a table breaks, with the value found; None where it breaks none."""
    try:
        model.validate(table, lazy=True)
    except pe.SchemaErrors as errors:
        first: dict[str, Any] = errors.failure_cases.row(0, named=True)
        return f"{first['column']} breaks {first['check']}: found {first['failure_case']!r}"
    return None


def _broken_rules(result: Result, failures: pl.DataFrame) -> dict[str, str]:
    """The rules that each row breaks, by its id. Raises InvalidTable where the fault is not in single rows."""
    of_table = failures.filter(pl.col("index").is_null() | (pl.col("check") == "field_uniqueness"))
    if len(of_table):
        first = of_table.row(0, named=True)
        place = f" in column {first['column']!r}" if first["schema_context"] == "Column" else ""
        raise InvalidTable(
            f"the table of {result.model.__name__} rows breaks the rule {first['check']}{place}: "
            f"found {first['failure_case']!r}; nothing was published"
        )
    reasons = (
        failures.group_by("index", maintain_order=True)
        .agg(pl.format("{} breaks {}", "column", "check").unique(maintain_order=True).str.join("; "))
        .rename({"column": "violation"})
    )
    return {result.kept["id"][index]: violation for index, violation in reasons.select("index", "violation").rows()}


def _in_quarantine(result: Result, reason_of: dict[str, str]) -> Result:
    if not reason_of:
        return result
    broken = result.kept.filter(pl.col("id").is_in(list(reason_of)))
    kept = result.kept.filter(~pl.col("id").is_in(broken["id"].implode()))
    decisions = pl.concat(
        [
            result.decisions.filter(~pl.col("record").is_in(broken["id"].implode())),
            result.decisions.filter(pl.col("record").is_in(broken["id"].implode())).with_columns(
                outcome=pl.lit("quarantined"),
                reason=pl.col("record").replace_strict(reason_of, return_dtype=pl.String),
            ),
        ]
    )
    contents = [
        (row["id"], canonical({name: value for name, value in row.items() if name != "id"}))
        for row in broken.iter_rows(named=True)
    ]
    dropped = pl.concat([result.dropped, pl.DataFrame(contents, schema=DROPPED_COLUMNS, orient="row")])
    return replace(result, kept=kept, decisions=decisions, dropped=dropped)
