"""A real `slingshot up` on loopback, with GraphQL requests as the UI sends them."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from tests.support.tiny import ROOT

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


class Printed:
    """What a server has printed into its `log`."""

    log: Path

    @property
    def address(self) -> str:
        """The address that was printed; empty before."""
        found = re.search(r"http://127\.0\.0\.1:\d+/\?token=\S+", self.log.read_text())
        return found[0] if found else ""

    @property
    def token(self) -> str:
        """The token of this start."""
        return self.address.partition("token=")[2]


class Server(Printed):
    """`slingshot up` in a separate process."""

    def __init__(self, recipe: Path, data: Path, *options: str, port: int | None = None) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = port or free.getsockname()[1]
        self.log = data / "up.log"
        data.mkdir(parents=True, exist_ok=True)
        environment = os.environ | {"SLINGSHOT_RECIPE": str(recipe), "SLINGSHOT_WAREHOUSE": str(data)}
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(ROOT / "slingshot.py"), "up", "--port", str(self.port), *options],
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def ask(self, text: str, **variables: Any) -> dict[str, Any]:
        body = json.dumps({"query": text, "variables": variables}).encode()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/graphql", body, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)
        assert "errors" not in found, found
        return dict(found["data"])

    def wait(self, seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while True:
            try:
                if self.ask(ASSETS)["assetNodes"]:
                    return
            except OSError:
                assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.5)

    def materialize(self, keys: list[list[str]], seconds: float = 400) -> str:
        """Launches a run of these assets, as the UI's button does, and returns how it ended."""
        run, deadline = self.launch(keys), time.monotonic() + seconds
        while time.monotonic() < deadline:
            status = self.status(run)
            if status in ("SUCCESS", "FAILURE", "CANCELED"):
                return status
            time.sleep(1)
        return "TIMEOUT"

    def launch(self, keys: list[list[str]]) -> str:
        """Launches a run of these assets and returns its id."""
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
        return str(run["run"]["runId"])

    def status(self, run: str) -> str:
        """The status of a run."""
        return str(self.ask(STATUS, id=run)["runOrError"]["status"])

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
