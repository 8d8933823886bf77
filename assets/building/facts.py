"""What is stored with a version to be shown again: counts, a sample of its rows, its checks, a picture."""

from __future__ import annotations

from typing import Any

import polars as pl

from assets.reporting.plots import draw
from assets.steps.step import Step
from warehouse.core.texts import on_one_line, shortened
from warehouse.results.result import Result
from warehouse.results.shortage import deciding_key
from warehouse.schema.records import Checkpoint, Quality, Score, Standing

SAMPLE_ROWS = 5
MOST_ROWS = 200
SAMPLE_CHARACTERS = 160

WHOLE = (Standing, Quality)
"""The kinds whose rows are results: up to MOST_ROWS are shown, of others the first few."""


def facts_of(result: Result, step: Step) -> dict[str, Any]:
    """The facts of a new version of `step`, which are also shown when it is reused."""
    facts: dict[str, Any] = {
        "rows": [
            {"outcome": outcome, "reason": reason, "rows": rows}
            | ({"key": deciding_key(step.remedies, outcome, reason)} if outcome != "kept" else {})
            for (outcome, reason), rows in result.counts().items()
        ],
        "sample": sample(result.kept, MOST_ROWS if step.model in WHOLE else SAMPLE_ROWS),
        **({"numbers": numbers} if (numbers := numbers_of(result)) else {}),
        **({"quarantined": rows} if (rows := quarantined(result)) else {}),
        "notes": result.notes,
        "checks": [{"name": c.name, "passed": c.passed, "facts": c.facts} for c in result.checks],
    }
    picture = draw(step.plot, result) if step.plot else None
    return facts | ({"plot": picture} if picture else {})


def numbers_of(result: Result) -> dict[str, float]:
    """The numbers of a result that are worth a curve over its runs: the scores, and the last loss of each training."""
    rows = result.kept.iter_rows(named=True)
    if result.model is Standing:
        return {f"{row['benchmark']} {row['metric']} of {row['arm']} ({row['unit']})": row["mean"] for row in rows}
    if result.model is Checkpoint:
        return {f"last loss, seed {row['seed']}": row["losses"][-1] for row in rows if row["losses"]}
    if result.model is Score and len(result.kept):
        means = result.kept.group_by("metric", maintain_order=True).agg(pl.col("value").mean())
        return {f"mean {metric}": value for metric, value in means.sort("metric").iter_rows()}
    return {}


def quarantined(result: Result) -> dict[str, list[Any]] | None:
    """The first quarantined rows with what is wrong with them; None where there are none."""
    found = result.decisions.filter(outcome="quarantined").head(SAMPLE_ROWS)
    if found.is_empty():
        return None
    rows = found.join(result.dropped, left_on="record", right_on="id", how="left", maintain_order="left")
    return sample(rows.select("record", "reason", "content"))


def sample(frame: pl.DataFrame, most: int = SAMPLE_ROWS) -> dict[str, list[Any]]:
    """The names of the columns and the cells of the first rows as texts.

    Long texts are cut, and vectors are replaced by their length. No text is made part of a larger one, such as
    markdown, where it could become a link, a picture or the end of a table.
    """
    rows = frame.head(most).iter_rows()
    return {"columns": frame.columns, "rows": [[_cell(value) for value in row] for row in rows]}


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return f"{len(value)} numbers"
    return shortened(on_one_line(str("" if value is None else value)), SAMPLE_CHARACTERS)
