"""Placeholder rows for those that a plan does not know yet."""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from warehouse.core.identity import digest
from warehouse.results.result import Result
from warehouse.schema.records import Record, empty


def all_decided_rows(result: Result) -> pl.DataFrame:
    """The kept and the dropped rows of `result`: a rule that drops a placeholder row may keep the real one."""
    rows = [{"id": row_id, **json.loads(content)} for row_id, content in result.dropped.iter_rows()]
    schema = result.kept.schema
    return pl.concat([result.kept, pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema)])


def placeholders(model: type[Record], rows: int) -> pl.DataFrame:
    """Placeholder rows of `model` with unique ids; optional texts ("input", "level") are empty."""
    schema = empty(model).schema
    constants: dict[Any, Any] = {pl.Int64: 1, pl.Float64: 1.0}
    columns = {
        name: [f"not yet known {row}" if dtype == pl.String else constants.get(dtype, []) for row in range(rows)]
        for name, dtype in schema.items()
    }
    columns |= {name: [""] * rows for name in ("input", "level") if name in schema}
    columns["id"] = [digest(["stand-in", model.__name__, row]) for row in range(rows)]
    return pl.DataFrame(columns, schema=schema)
