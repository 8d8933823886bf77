"""What the UI and the terminal show of an asset: counts, a sample, model calls, pictures."""

from __future__ import annotations

from typing import Any

import dagster as dg
import polars as pl
from dagster_pandera import pandera_schema_to_dagster_type

from assets.reporting.plots import draw
from assets.steps.step import Step
from warehouse.core.texts import on_one_line, shortened
from warehouse.results.result import Result
from warehouse.store.versions import Effort

CHECKS = {
    "schema": "What is kept and noted fits the models of its tables.",
    "ledger": "In = kept + rejected + duplicate + failed + quarantined, with one decision per record.",
    "openness": "All that stands behind the rows is open under the policy of the recipe.",
    "leakage": "No row holds a text of the benchmark.",
}
"""What the UI says of the checks, by name."""

SAMPLE_ROWS = 5
SAMPLE_CHARACTERS = 160


def facts_of(result: Result, plot: str | None) -> dict[str, Any]:
    """What is stored with a version so that it can be shown again when the version is reused."""
    facts: dict[str, Any] = {
        "rows": [
            {"outcome": outcome, "reason": reason, "rows": rows} for (outcome, reason), rows in result.counts().items()
        ],
        "sample": sample(result.kept),
        "notes": result.notes,
        "checks": [{"name": c.name, "passed": c.passed, "facts": c.facts} for c in result.checks],
    }
    picture = draw(plot, result) if plot else None
    return facts | ({"plot": picture} if picture else {})


def metadata_of(facts: dict[str, Any], effort: Effort, action: str) -> dict[str, Any]:
    """Dagster metadata of a materialization."""
    kept = sum(row["rows"] for row in facts["rows"] if row["outcome"] == "kept")
    rate = effort.tokens / effort.model_seconds if effort.model_seconds else 0.0
    metadata: dict[str, Any] = {
        "action": action,
        "dagster/row_count": kept,
        "rows by outcome": dg.MetadataValue.table(
            [dg.TableRecord(row) for row in facts["rows"]],
            schema=dg.TableSchema(
                [
                    dg.TableColumn("outcome", "string"),
                    dg.TableColumn("reason", "string"),
                    dg.TableColumn("rows", "int"),
                ]
            ),
        ),
        "sample": dg.MetadataValue.md(facts["sample"]),
        "model calls computed": effort.computed,
        "model calls from memo": effort.from_memo,
        "tokens": effort.tokens,
        "tokens per second": round(rate, 1),
    }
    if "plot" in facts:
        metadata["plot"] = dg.MetadataValue.md(f"![plot](data:image/png;base64,{facts['plot']})")
    metadata.update(facts["notes"])
    return metadata


def sample(frame: pl.DataFrame) -> str:
    """The first rows as a markdown table; long texts are cut, ids and vectors shortened."""
    if frame.is_empty():
        return "no rows"
    lines = ["| " + " | ".join(frame.columns) + " |", "|" + " --- |" * len(frame.columns)]
    for row in frame.head(SAMPLE_ROWS).iter_rows():
        lines.append("| " + " | ".join(_cell(value) for value in row) + " |")
    return "\n".join(lines)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return f"{len(value)} numbers"
    text = on_one_line(str("" if value is None else value)).replace("|", "\\|")
    return shortened(text, SAMPLE_CHARACTERS)


def column_schema(step: Step) -> dg.TableSchema:
    """The table's columns, types and rules as the UI shows them, each with the columns that it is made from.

    These stand in the description, since Dagster's open webserver hides the lineage of columns as such.
    """
    schema = pandera_schema_to_dagster_type(step.model).metadata["schema"]
    assert isinstance(schema, dg.TableSchemaMetadataValue)
    lineage = column_lineage(step).deps_by_column
    described = []
    for column in schema.schema.columns:
        origins = [f"{one.asset_key.to_user_string()}.{one.column_name}" for one in lineage.get(column.name, ())]
        told = f"from {', '.join(origins)}" if origins else None
        described.append(dg.TableColumn(column.name, column.type, told, column.constraints, column.tags))
    return dg.TableSchema(described, constraints=schema.schema.constraints)


def column_lineage(step: Step) -> dg.TableColumnLineage:
    """The columns of other assets that each column of an asset is made from, as Dagster names them."""
    return dg.TableColumnLineage(
        {
            column: [dg.TableColumnDep(step.inputs[name].split("/"), origin) for name, origin in origins]
            for column, origins in step.columns.items()
        }
    )
