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

    Raises InvalidTable where the fault is not in single rows.
    """
    try:
        result.model.validate(result.kept, lazy=True)
    except pe.SchemaErrors as errors:
        return _quarantined(result, errors.failure_cases)
    return result


def fault(model: pa.DataFrameSchema, table: pl.DataFrame) -> str | None:
    """The first rule that a table breaks, with the value found; None where it breaks none."""
    try:
        model.validate(table, lazy=True)
    except pe.SchemaErrors as errors:
        first: dict[str, Any] = errors.failure_cases.row(0, named=True)
        return f"{first['column']} breaks {first['check']}: found {first['failure_case']!r}"
    return None


def _quarantined(result: Result, failures: pl.DataFrame) -> Result:
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
    violation = dict(zip(reasons["index"].to_list(), reasons["violation"].to_list(), strict=True))
    broken = result.kept[sorted(violation)]
    reason_of = {row_id: violation[index] for index, row_id in zip(sorted(violation), broken["id"], strict=True)}
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
