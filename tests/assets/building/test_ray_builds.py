"""A dataset must not depend on where it was computed. So a recipe is built on a real cluster of Ray, with a node killed
and with the build itself killed, and compared with one that was built by a single process: every table, row by row."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.support.building import build, edit
from tests.support.killing import content, killed_builds, repeated, same
from tests.support.ray_cluster import HEAD, Nodes, ray_cluster
from tests.support.tiny import quick


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    with ray_cluster(2) as running:
        yield running


def kill_a_node_after(events: int, log: Path, nodes: Nodes) -> None:
    """Kills a node once the build has logged so many events."""
    while not log.exists() or log.read_text().count("\n") < events:
        time.sleep(0.01)
    nodes.kill_one()


def test_a_cluster_gives_what_one_process_gives_whatever_is_killed(tiny: Path, tmp_path: Path, nodes: Nodes) -> None:
    edit(tiny, quick)
    draw = random.Random(1812)
    (events,) = killed_builds(tiny, tmp_path / "embedded", 0, draw, 0)
    expected = content(tmp_path / "embedded" / "data")
    batches = sum(what == "batch" for what, _ in events)
    assert batches > 20

    compute = {"ray": nodes.address, "workers": 2, "host": HEAD}
    (tmp_path / "deployment.yaml").write_text(yaml.safe_dump({"compute": compute}))
    on_nodes = tmp_path / "node_killed"
    killer = threading.Thread(target=kill_a_node_after, args=(batches, on_nodes / "0.log", nodes), daemon=True)
    killer.start()
    (build,) = killed_builds(tiny, on_nodes, 0, draw, 0)
    killer.join()
    assert repeated([build]) == []
    same(content(on_nodes / "data"), expected)

    nodes.add()
    # Trainings log their steps on the nodes, so this build has logged fewer events than the embedded one.
    builds = killed_builds(tiny, tmp_path / "driver_killed", 2, draw, len(build))
    assert len(builds) == 3
    same(content(tmp_path / "driver_killed" / "data"), expected)


def test_model_calls_are_computed_by_the_cluster_alone(tiny: Path, tmp_path: Path) -> None:
    """Where it cannot be reached, an asset that needs a model fails, and what needs none is built."""
    (tmp_path / "deployment.yaml").write_text("compute: {ray: '127.0.0.2:1'}")
    log, failures = build(tiny, tmp_path / "data", "+raw_self_instruct")
    ((asset, message),) = [(one.asset, one.message) for one in failures]
    assert asset == "raw_self_instruct"
    assert message.startswith("the Ray cluster at 127.0.0.2:1 cannot be joined: ")
    assert log.actions["seed_tasks"] == "built"
