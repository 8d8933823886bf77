"""A build in a notebook or under a test leaves the error stream of its host open, whatever libraries log there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.tiny import ROOT

HOST = """
import io, sys
sys.stderr = first = io.StringIO()
from absl import logging  # scores ROUGE; its handler writes to what sys.stderr is now
if sys.argv[3] == "replaced":
    sys.stderr = io.StringIO()
from pathlib import Path
from tests.support.building import build
_, failures = build(Path(sys.argv[1]), Path(sys.argv[2]), "benchmark_items", history=True)
print(failures, first.closed, sys.stderr.closed)
"""


@pytest.mark.parametrize("stream", ["kept", "replaced"])
def test_a_build_does_not_close_the_error_stream_of_its_host(stream: str, tiny: Path, tmp_path: Path) -> None:
    """absl closes the stream of its handler, when Dagster sets up logging, unless that is the current sys.stderr."""
    arguments = [sys.executable, "-c", HOST, str(tiny), str(tmp_path / "data"), stream]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout == "[] False False\n"
