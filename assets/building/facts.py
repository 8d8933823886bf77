"""What is stored with a version to be shown again: counts, a sample of its rows, its checks, a picture."""

from __future__ import annotations

from typing import Any

import polars as pl

from assets.reporting.plots import draw
from assets.steps.step import Step
from warehouse.core.texts import on_one_line, shortened
from warehouse.results.result import Result
from warehouse.results.shortage import deciding_key

SAMPLE_ROWS = 5
SAMPLE_CHARACTERS = 160


def facts_of(result: Result, step: Step) -> dict[str, Any]:
    """The facts of a new version of `step`, which are also shown when it is reused."""
    facts: dict[str, Any] = {
        "rows": [
            {"outcome": outcome, "reason": reason, "rows": rows}
            | ({"key": deciding_key(step.remedies, outcome, reason)} if outcome != "kept" else {})
            for (outcome, reason), rows in result.counts().items()
        ],
        "sample": sample(result.kept),
        "notes": result.notes,
        "checks": [{"name": c.name, "passed": c.passed, "facts": c.facts} for c in result.checks],
    }
    picture = draw(step.plot, result) if step.plot else None
    return facts | ({"plot": picture} if picture else {})


def sample(frame: pl.DataFrame) -> dict[str, list[Any]]:
    """The names of the columns and the cells of the first rows as texts.

    Long texts are cut, and vectors are replaced by their length. No text is made part of a larger one, such as
    markdown, where it could become a link, a picture or the end of a table.
    """
    rows = frame.head(SAMPLE_ROWS).iter_rows()
    return {"columns": frame.columns, "rows": [[_cell(value) for value in row] for row in rows]}


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return f"{len(value)} numbers"
    return shortened(on_one_line(str("" if value is None else value)), SAMPLE_CHARACTERS)
