"""A server that misbehaves as a test asks, and the tools of an asset whose model it serves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from resources.endpoint.settings import Settings
from resources.tools.tools import Tools
from resources.tools.workbench import Workbench
from tests.support.odd_server import OddServer
from warehouse.lineage.material import Material

SHA = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"


@pytest.fixture
def server() -> Iterator[OddServer]:
    with OddServer().serving() as serving:
        yield serving


@pytest.fixture
def tools(server: OddServer, tmp_path: Path) -> Tools:
    model = Material("model", "remote", "Apache-2.0", address=server.address, sha256=SHA)
    # No short deadline here: on a busy machine an answer can take a second, and a row asked twice changes the counts.
    settings = Settings(patience=1.0, answer_bytes=20_000)
    return Tools(Workbench(tmp_path / "data", tmp_path, {"remote": model}, {}, endpoints=settings))
