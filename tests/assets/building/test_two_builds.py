"""Two builds and a reader use one warehouse at the same time: they wait for each other, and none fails."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from assets.loading.file import load_recipe
from assets.planning.graph import steps
from tests.support.building import edit, query
from tests.support.serving import Server
from tests.support.tiny import ROOT, with_two_arms

WAITS = re.compile(r"slingshot: waiting for .*\n")
"""What a command says while another process has the warehouse, as it may on a slow machine."""


def test_two_builds_and_a_reader_wait_for_each_other(tiny: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    edit(tiny, with_two_arms)
    environment = os.environ | {"SLINGSHOT_RECIPE": str(tiny), "SLINGSHOT_WAREHOUSE": str(data)}
    builds = [
        subprocess.Popen(
            [sys.executable, str(ROOT / "slingshot.py"), "build"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    reads = 0
    while any(build.poll() is None for build in builds):
        half = query(
            data,
            "SELECT asset FROM lineage.current ANTI JOIN lineage.versions USING (asset, version) "
            "UNION ALL SELECT d.record FROM lineage.decisions d ANTI JOIN lineage.records r ON r.id = d.record",
        )
        assert half.is_empty()
        reads += 1
        time.sleep(0.2)
    for build in builds:
        _, errors = build.communicate()
        assert (build.returncode, WAITS.sub("", errors)) == (0, "")
    assert reads > 5
    published = query(data, "SELECT asset FROM lineage.current ORDER BY asset")["asset"].to_list()
    assert published == sorted(step.asset for step in steps(load_recipe(tiny)))
    assert_each_once(data)


def test_a_build_and_a_run_of_the_ui_wait_for_each_other(tiny: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Server(tiny, data) as server, ThreadPoolExecutor() as threads:
        server.wait()
        keys = [["benchmark_items"], ["seed_tasks"], ["raw_self_training"], ["raw_self_instruct"]]
        run = threads.submit(server.materialize, keys)
        build = subprocess.run(
            [sys.executable, str(ROOT / "slingshot.py"), "build", "+raw_self_training"],
            env=os.environ | {"SLINGSHOT_RECIPE": str(tiny), "SLINGSHOT_WAREHOUSE": str(data)},
            capture_output=True,
            text=True,
        )
        assert (build.returncode, WAITS.sub("", build.stderr)) == (0, "")
        assert run.result() == "SUCCESS"
    assert_each_once(data)


def assert_each_once(data: Path) -> None:
    """No row is stored twice, and no call was computed by both."""
    for table, key in (
        ("memo.calls", "key, budget"),
        ("lineage.records", "id"),
        ("lineage.versions", "asset, version"),
        ("records.pair", "id"),
    ):
        assert query(data, f"SELECT {key} FROM {table} GROUP BY ALL HAVING count(*) > 1").is_empty()
    computed = query(data, "SELECT sum(computed)::BIGINT AS calls FROM lineage.materializations")["calls"][0]
    assert computed == len(query(data, "FROM memo.calls"))
