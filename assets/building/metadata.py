"""What the UI shows of an asset: counts, a sample of its rows, model calls, a picture, its columns and checks.

The UI renders markdown with links and pictures from anywhere. So what comes from a row or a model is shown as text, as
JSON or in the cells of a table, never as markdown.
"""

from __future__ import annotations

from typing import Any

import dagster as dg
from dagster_pandera import pandera_schema_to_dagster_type

from assets.steps.step import Step
from warehouse.store.published import Effort

CHECKS = {
    "schema": "All rows fit the schemas of their tables.",
    "ledger": "In = kept + rejected + duplicate + failed + quarantined, with one decision per record.",
    "openness": "Every model and source that the rows are made from is open under the policy of the recipe.",
    "leakage": "No row contains a text of the benchmark.",
    "accepted": "Every arm that needs these rows has the rows that the recipe asks for.",
}
"""The descriptions of the checks in the UI, by name."""


def metadata_of(facts: dict[str, Any], effort: Effort, action: str) -> dict[str, Any]:
    """Dagster metadata of a materialization; `effort` is what its version cost when it was built.

    Dagster plots the numbers over the runs of an asset.
    """
    kept = sum(row["rows"] for row in facts["rows"] if row["outcome"] == "kept")
    decided = sum(row["rows"] for row in facts["rows"])
    metadata: dict[str, Any] = {
        "action": action,
        "dagster/row_count": kept,
        "rows by outcome": dg.MetadataValue.table(
            [dg.TableRecord({"key": "", **row}) for row in facts["rows"]],
            schema=dg.TableSchema(
                [
                    dg.TableColumn("outcome", "string"),
                    dg.TableColumn("reason", "string"),
                    dg.TableColumn("rows", "int"),
                    dg.TableColumn("key", "string", "the recipe key that decides about these rows"),
                ]
            ),
        ),
        "sample": _sample(facts["sample"]),
        "model calls computed": effort.computed,
        "model calls from memo": effort.from_memo,
        "tokens": effort.tokens,
        "seconds": round(effort.seconds, 1),
    }
    if effort.model_seconds:
        metadata["tokens per second"] = round(effort.tokens / effort.model_seconds, 1)
    if decided:
        metadata["kept share"] = round(kept / decided, 4)
    metadata |= facts.get("numbers", {})
    if "quarantined" in facts:
        metadata["quarantined rows"] = _sample(facts["quarantined"])
    if "plot" in facts:
        metadata["plot"] = dg.MetadataValue.md(f"![plot](data:image/png;base64,{facts['plot']})")
    metadata.update(facts["notes"])
    return metadata


def _sample(sample: dict[str, list[Any]] | str) -> dg.MetadataValue[Any]:
    """The sample as a table, whose cells the UI shows as they are."""
    if isinstance(sample, str):
        # A version from before the sample was a table has it as markdown; as a text it is not rendered.
        return dg.MetadataValue.text(sample)
    columns = sample["columns"]
    return dg.MetadataValue.table(
        [dg.TableRecord(dict(zip(columns, row, strict=True))) for row in sample["rows"]],
        schema=dg.TableSchema([dg.TableColumn(column, "string") for column in columns]),
    )


def column_schema(step: Step) -> dg.TableSchema:
    """The table's columns with their types and rules, and the columns that each is made from.

    These are part of the description, because Dagster's open-source webserver does not show column lineage.
    """
    schema = pandera_schema_to_dagster_type(step.model).metadata["schema"]
    assert isinstance(schema, dg.TableSchemaMetadataValue)
    lineage = column_lineage(step).deps_by_column
    described = []
    for column in schema.schema.columns:
        origins = [f"{one.asset_key.to_user_string()}.{one.column_name}" for one in lineage.get(column.name, ())]
        description = f"from {', '.join(origins)}" if origins else None
        described.append(dg.TableColumn(column.name, column.type, description, column.constraints, column.tags))
    return dg.TableSchema(described, constraints=schema.schema.constraints)


def column_lineage(step: Step) -> dg.TableColumnLineage:
    """The columns of other assets that each column of an asset is made from, in Dagster's form."""
    return dg.TableColumnLineage(
        {
            column: [dg.TableColumnDep(step.inputs[name].split("/"), origin) for name, origin in origins]
            for column, origins in step.columns.items()
        }
    )
