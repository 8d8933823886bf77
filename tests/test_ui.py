"""The UI's way in: a real webserver on loopback, the graph materialized through GraphQL, the rows read from DuckDB."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from building import query, store
from conftest import ROOT

LAUNCH = """
mutation Launch($parameters: ExecutionParams!) {
  launchPipelineExecution(executionParams: $parameters) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}
"""
STATUS = "query Status($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
ASSETS = """
query Assets {
  assetNodes {
    assetKey { path } groupName description kinds opNames jobNames
    repository { name location { name } }
    dependencyKeys { path }
  }
}
"""
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


class Server:
    """`slingshot up` in a process of its own."""

    def __init__(self, recipe: Path, data: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.log = data / "up.log"
        data.mkdir(parents=True, exist_ok=True)
        environment = os.environ | {"SLINGSHOT_RECIPE": str(recipe), "SLINGSHOT_WAREHOUSE": str(data)}
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(ROOT / "cli.py"), "up", "--port", str(self.port)],
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def ask(self, text: str, **variables: Any) -> dict[str, Any]:
        body = json.dumps({"query": text, "variables": variables}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/graphql", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)
        assert "errors" not in found, found
        return dict(found["data"])

    def wait(self, seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while True:
            try:
                self.ask("{ version }")
                return
            except OSError:
                assert self.process.poll() is None, self.log.read_text()
                assert time.monotonic() < deadline, self.log.read_text()
                time.sleep(0.5)

    def materialize(self, keys: list[list[str]], seconds: float = 400) -> str:
        """Launches a run of these assets, as the UI's button does, and returns how it ended."""
        node = self.ask(ASSETS)["assetNodes"][0]
        selector = {
            "repositoryName": node["repository"]["name"],
            "repositoryLocationName": node["repository"]["location"]["name"],
            "pipelineName": node["jobNames"][0],
            "assetSelection": [{"path": key} for key in keys],
        }
        launched = self.ask(LAUNCH, parameters={"selector": selector, "runConfigData": {}, "mode": "default"})
        run = launched["launchPipelineExecution"]
        assert run["__typename"] == "LaunchRunSuccess", run
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            status = self.ask(STATUS, id=run["run"]["runId"])["runOrError"]["status"]
            if status in ("SUCCESS", "FAILURE", "CANCELED"):
                return str(status)
            time.sleep(1)
        return "TIMEOUT"

    def stop(self) -> None:
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@pytest.fixture
def server(tiny: Path, tmp_path: Path) -> Iterator[Server]:
    running = Server(tiny, tmp_path / "data")
    try:
        running.wait()
        yield running
    finally:
        running.stop()


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
        ("held_out", True, "SUCCEEDED")
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
