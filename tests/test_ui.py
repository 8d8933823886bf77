"""The UI's way in: a real webserver on loopback, the graph materialized through GraphQL, the rows read from DuckDB."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from building import query, store
from serving import ASSETS, Server

MATERIALIZATION = """
query Materialization($key: AssetKeyInput!) {
  assetOrError(assetKey: $key) {
    ... on Asset {
      definition {
        staleStatus
        assetChecksOrError { ... on AssetChecks { checks { name blocking
          executionForLatestMaterialization { status } } } }
      }
      assetMaterializations(limit: 1) {
        metadataEntries { __typename label ... on IntMetadataEntry { intValue } ... on MarkdownMetadataEntry { mdStr }
          ... on TextMetadataEntry { text } }
      }
    }
  }
}
"""


@pytest.fixture
def server(tiny: Path, tmp_path: Path) -> Iterator[Server]:
    with Server(tiny, tmp_path / "data") as running:
        running.wait()
        yield running


def test_the_graph_materializes_from_the_ui_and_lies_in_duckdb(server: Server, tmp_path: Path) -> None:
    data = tmp_path / "data"
    nodes = server.ask(ASSETS)["assetNodes"]
    keys = [node["assetKey"]["path"] for node in nodes]
    assert len(keys) == 40
    assert {node["groupName"] for node in nodes} == {
        "sources",
        "generation",
        "enhancement",
        "curation",
        "training",
        "evaluation",
    }
    assert all(node["description"] and node["kinds"] for node in nodes)

    assert server.materialize(keys) == "SUCCESS", server.log.read_text()

    published = query(data, "SELECT asset FROM lineage.current")["asset"].to_list()
    assert sorted(published) == sorted("/".join(key) for key in keys)
    board = store(data).current("leaderboard")
    assert board is not None
    assert len(store(data).read(board)) == 5 * 2

    shown = server.ask(MATERIALIZATION, key={"path": ["seed_tasks"]})["assetOrError"]
    assert shown["definition"]["staleStatus"] == "FRESH"
    checks = shown["definition"]["assetChecksOrError"]["checks"]
    assert [(c["name"], c["blocking"], c["executionForLatestMaterialization"]["status"]) for c in checks] == [
        ("leakage", True, "SUCCEEDED"),
        ("ledger", True, "SUCCEEDED"),
        ("schema", True, "SUCCEEDED"),
    ]
    entries = {entry["label"]: entry for entry in shown["assetMaterializations"][0]["metadataEntries"]}
    assert entries["dagster/row_count"]["intValue"] == 12
    assert entries["sample"]["mdStr"].startswith("| id | source | instruction |")
    assert {"rows by outcome", "model calls computed", "model calls from memo", "tokens", "tokens per second"} <= set(
        entries
    )
    trained = server.ask(MATERIALIZATION, key={"path": ["backward_model"]})["assetOrError"]
    pictures = [e["mdStr"] for e in trained["assetMaterializations"][0]["metadataEntries"] if e["label"] == "plot"]
    assert len(pictures) == 1
    assert pictures[0].startswith("![plot](data:image/png;base64,")

    assert server.materialize([["seed_tasks"], ["raw_self_training"]]) == "SUCCESS"
    again = server.ask(MATERIALIZATION, key={"path": ["raw_self_training"]})["assetOrError"]
    entries = {entry["label"]: entry for entry in again["assetMaterializations"][0]["metadataEntries"]}
    assert entries["action"]["text"] == "unchanged"
    assert entries["model calls computed"]["intValue"] == 0


def test_the_history_lies_in_the_warehouse_and_telemetry_is_off(server: Server, tmp_path: Path) -> None:
    home = tmp_path / "data" / "dagster"
    assert (home / "dagster.yaml").read_text().startswith("telemetry:\n  enabled: false\n")
    assert server.materialize([["benchmark_items"]]) == "SUCCESS"
    assert (home / "history").is_dir()
    assert not list(home.rglob("telemetry*"))
