"""A machine with several GPUs has one worker for each without anybody starting a cluster: the build does."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.support.ray_cluster import ray_cluster
from tests.support.tiny import ROOT


def test_a_cluster_of_this_machine_alone_is_started_where_another_one_runs() -> None:
    """It joined the other one. In a process of its own, since a process joins one cluster only."""
    words = [sys.executable, "-m", "tests.support.local_cluster", "127.0.0.9"]
    # The tests of killed nodes look for them so often that a busy machine would lose its own.
    own = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    with ray_cluster(1):
        done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=ROOT, env=own)
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["[(0, 6), (1, 6), (2, 6)] True"]), done.stderr
