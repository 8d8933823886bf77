"""`slingshot up` is killed by SIGKILL: no process of it may keep the port, and it starts again there at once. A run
that was in progress goes on; one that died with everything else is closed."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import psutil

from assets.building.dagster_home import dagster_instance
from assets.building.dead_runs import MESSAGE
from tests.support.serving import ASSETS, Server


def test_after_a_kill_the_port_is_free_living_runs_go_on_and_dead_ones_are_closed(tiny: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Server(tiny, data) as first:
        first.wait()
        servers = psutil.Process(first.process.pid).children()
        assert len(servers) == 2
        token, keys = first.token, [node["assetKey"]["path"] for node in first.ask(ASSETS)["assetNodes"]]
        living = first.launch([["benchmark_items"], ["seed_tasks"], ["documents"], ["backward_model"]])
        while first.status(living) != "STARTED":
            time.sleep(0.1)
        with socket.create_connection(("127.0.0.1", first.port)):  # as a browser keeps it open
            first.process.kill()
            first.process.wait()
            second = Server(tiny, data, port=first.port)
            _, alive = psutil.wait_procs(servers, timeout=10)
            assert alive == []
    with second:
        second.wait()
        assert second.token not in ("", token)
        deadline = time.monotonic() + 120
        while second.status(living) == "STARTED" and time.monotonic() < deadline:
            time.sleep(0.5)
        assert second.status(living) == "SUCCESS"

        run = second.launch(keys)
        deadline = time.monotonic() + 120
        while second.status(run) != "STARTED" and time.monotonic() < deadline:
            time.sleep(0.5)
        family = psutil.Process(second.process.pid).children(recursive=True)
        second.process.kill()
        for one in family:
            one.kill()
        psutil.wait_procs(family, timeout=10)
    with dagster_instance(data) as instance:
        found = instance.get_run_by_id(run)
        assert found is not None
        assert not found.is_finished
    with Server(tiny, data, port=second.port) as third:
        third.wait()
        assert third.status(run) == "FAILURE"
    with dagster_instance(data) as instance:
        assert MESSAGE in [entry.message for entry in instance.all_logs(run)]


def test_a_port_that_another_program_uses_is_one_clear_error(tiny: Path, tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with Server(tiny, tmp_path / "data", port=port) as server:
            assert server.process.wait(timeout=120) == 1
            assert server.log.read_text() == (
                f"slingshot: port {port} is used by another process; name another with --port\n"
            )
