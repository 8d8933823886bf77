"""Rows that stand in for those which a plan does not know yet."""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from warehouse.core.identity import digest
from warehouse.results.result import Result
from warehouse.schema.records import Record, empty


def decided(result: Result) -> pl.DataFrame:
    """Every row that was decided about: a rule that a stand-in breaks may let the real row pass."""
    rows = [{"id": row_id, **json.loads(content)} for row_id, content in result.dropped.iter_rows()]
    schema = result.kept.schema
    return pl.concat([result.kept, pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema)])


def stand_ins(model: type[Record], rows: int) -> pl.DataFrame:
    """As many rows as there may be; they say nothing, and each is another. Texts that a row may lack it lacks."""
    schema = empty(model).schema
    known: dict[Any, Any] = {pl.Int64: 1, pl.Float64: 1.0}
    columns = {
        name: [f"not yet known {row}" if dtype == pl.String else known.get(dtype, []) for row in range(rows)]
        for name, dtype in schema.items()
    }
    columns |= {name: [""] * rows for name in ("input", "level") if name in schema}
    columns["id"] = [digest(["stand-in", model.__name__, row]) for row in range(rows)]
    return pl.DataFrame(columns, schema=schema)
