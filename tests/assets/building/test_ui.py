"""The path that the UI uses: a real webserver, the graph materialized through GraphQL, the rows read from DuckDB."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from assets import STAGES
from assets.loading.file import load_recipe
from assets.recipe.types import Recipe
from tests.support.building import query, store
from tests.support.serving import ASSETS, Server
from tests.support.tiny import tiny_recipe, write_rows
from warehouse.core.identity import canonical
from warehouse.store.published import Run

ARMS = ("self_training", "self_instruct", "instruction_generation", "filtered_extract_then_generate")

MATERIALIZATION = """
query Materialization($key: AssetKeyInput!) {
  assetOrError(assetKey: $key) {
    ... on Asset {
      definition {
        staleStatus
      }
      assetMaterializations(limit: 1) {
        metadataEntries { __typename label ... on IntMetadataEntry { intValue } ... on MarkdownMetadataEntry { mdStr }
          ... on TextMetadataEntry { text } ... on JsonMetadataEntry { jsonString }
          ... on TableMetadataEntry { table { records schema { columns { name } } } } }
      }
    }
  }
}
"""


DEFINITIONS = """
query Definitions {
  assetNodes {
    assetKey { path }
    assetChecksOrError { ... on AssetChecks { checks { name blocking
      executionForLatestMaterialization { status
        evaluation { metadataEntries { label ... on IntMetadataEntry { intValue } } } } } } }
    metadataEntries { label
      ... on TableColumnLineageMetadataEntry { lineage { columnName columnDeps { assetKey { path } columnName } } }
      ... on TableSchemaMetadataEntry { schema { columns { name description } } } }
  }
}
"""


@pytest.fixture(scope="module")
def place(
    tiny_model: Path, tiny_embedder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Server, Path]]:
    """A running server, and the folder of its recipe and its warehouse. The tests use it in their order."""
    folder = tmp_path_factory.mktemp("ui")
    source = write_rows(folder / "rows.jsonl", 120, seed=1)
    (folder / "recipe.yaml").write_text(yaml.safe_dump(tiny_recipe(tiny_model, tiny_embedder, source)))
    with Server(folder / "recipe.yaml", folder / "data") as running:
        running.wait()
        yield running, folder


def test_column_lineage_is_shown_before_any_build(place: tuple[Server, Path]) -> None:
    server, shown = place[0], {}
    for node in server.ask(DEFINITIONS)["assetNodes"]:
        shown["/".join(node["assetKey"]["path"])] = {entry["label"]: entry for entry in node["metadataEntries"]}
    assert len(shown) == 44
    lineage = {
        (asset, column["columnName"]): [
            "/".join([*of["assetKey"]["path"], of["columnName"]]) for of in column["columnDeps"]
        ]
        for asset, entries in shown.items()
        for column in entries["dagster/column_lineage"]["lineage"]
    }
    assert lineage["raw_self_training", "response"] == ["seed_tasks/input", "seed_tasks/instruction"]
    assert lineage["raw_instruction_generation", "response"] == ["documents/text"]
    assert lineage["scores/longform/base", "value"] == ["benchmark_items/reference", "predictions/longform/base/text"]
    assert lineage["seed_tasks", "instruction"] == []
    columns = shown["scores/longform/base"]["dagster/column_schema"]["schema"]["columns"]
    described = {column["name"]: column["description"] for column in columns}
    assert described["value"] == "from benchmark_items.reference, predictions/longform/base.text"


def test_the_history_is_in_the_warehouse_and_telemetry_is_off(place: tuple[Server, Path]) -> None:
    server, folder = place
    home = folder / "data" / "dagster"
    assert (home / "dagster.yaml").read_text().startswith("telemetry:\n  enabled: false\n")
    assert server.materialize([["benchmark_items"]]) == "SUCCESS"
    assert (home / "history").is_dir()
    assert not list(home.rglob("telemetry*"))


def test_the_graph_materializes_from_the_ui_into_duckdb(place: tuple[Server, Path]) -> None:
    server, folder = place
    data, recipe = folder / "data", load_recipe(folder / "recipe.yaml")
    nodes = server.ask(ASSETS)["assetNodes"]
    keys = [node["assetKey"]["path"] for node in nodes]
    assert len(keys) == 44
    assert {node["groupName"][0] for node in nodes} == {str(number) for number, _ in enumerate(STAGES, 1)}
    assert all(node["description"] and node["kinds"] for node in nodes)

    assert server.materialize(keys) == "SUCCESS", server.log.read_text()

    published = query(data, "SELECT asset FROM lineage.current")["asset"].to_list()
    assert sorted(published) == sorted("/".join(key) for key in keys)
    board = store(data).current("leaderboard")
    assert board is not None
    assert len(store(data).read(board)) == 5 * 2

    shown = server.ask(MATERIALIZATION, key={"path": ["seed_tasks"]})["assetOrError"]
    assert shown["definition"]["staleStatus"] == "FRESH"
    assert_checked(server, data)
    entries = {entry["label"]: entry for entry in shown["assetMaterializations"][0]["metadataEntries"]}
    assert_made_from(recipe, entries)
    assert entries["dagster/row_count"]["intValue"] == 12
    sample = entries["sample"]["table"]
    assert [column["name"] for column in sample["schema"]["columns"]][:3] == ["id", "source", "instruction"]
    assert len(sample["records"]) == 5
    assert {"rows by outcome", "model calls computed", "model calls from memo", "tokens"} <= set(entries)
    assert "tokens per second" not in entries  # seed tasks call no model; a rate of 0 would be drawn as one
    trained = server.ask(MATERIALIZATION, key={"path": ["backward_model"]})["assetOrError"]
    pictures = [e["mdStr"] for e in trained["assetMaterializations"][0]["metadataEntries"] if e["label"] == "plot"]
    assert len(pictures) == 1
    assert pictures[0].startswith("![plot](data:image/png;base64,")

    assert server.materialize([["seed_tasks"], ["raw_self_training"]]) == "SUCCESS"
    again = server.ask(MATERIALIZATION, key={"path": ["raw_self_training"]})["assetOrError"]
    entries = {entry["label"]: entry for entry in again["assetMaterializations"][0]["metadataEntries"]}
    assert entries["action"]["text"] == "unchanged"
    assert entries["model calls computed"]["intValue"] == 12, "an unchanged run keeps the cost of its version"


def assert_checked(server: Server, data: Path) -> None:
    """Every asset passed its blocking checks, and its ledger in the UI equals that in the warehouse."""
    leakage = {"seed_tasks", "documents"} | {f"training_sets/{arm}" for arm in ARMS}
    ledger = query(data, "FROM lineage.ledger WHERE is_current").rows_by_key("asset", named=True, unique=True)
    for node in server.ask(DEFINITIONS)["assetNodes"]:
        asset = "/".join(node["assetKey"]["path"])
        checks = {check["name"]: check for check in node["assetChecksOrError"]["checks"]}
        warns = checks.pop("quality", None)
        assert (warns is not None) == asset.startswith("quality/")
        assert warns is None or not warns["blocking"]
        assert set(checks) == {"ledger", "openness", "schema"} | ({"leakage"} if asset in leakage else set()), asset
        ends = [(c["blocking"], c["executionForLatestMaterialization"]["status"]) for c in checks.values()]
        assert set(ends) == {(True, "SUCCEEDED")}, asset
        entries = checks["ledger"]["executionForLatestMaterialization"]["evaluation"]["metadataEntries"]
        row = ledger[asset]
        assert row["closes"]
        counted = {outcome: row[outcome] for outcome in ("kept", "rejected", "duplicate", "failed", "quarantined")}
        assert {entry["label"]: entry["intValue"] for entry in entries} == {"in": row["incoming"], **counted}


def assert_made_from(recipe: Recipe, entries: dict[str, Any]) -> None:
    """A materialization of the seed tasks shows the current recipe: text, digest and slice."""
    text = entries["recipe"]["mdStr"].removeprefix("```yaml\n").removesuffix("```")
    whole = recipe.model_dump(mode="json", exclude_none=True)
    assert yaml.safe_load(text) == whole
    assert entries["recipe digest"]["text"] == Run("", canonical(whole)).recipe_digest
    assert json.loads(entries["recipe slice"]["jsonString"]) == recipe.slice("seed", "seed_tasks", "sources.rows") | {
        "columns.rows": ["text", "title"]
    }
