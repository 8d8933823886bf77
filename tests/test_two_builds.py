"""Two builds of one warehouse at once, and somebody who reads meanwhile: they wait for each other and none fails."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from building import query
from conftest import ROOT

from assets.graph import steps
from assets.recipe_file import load_recipe


def test_two_builds_and_a_reader_wait_for_each_other(tiny: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    environment = os.environ | {"SLINGSHOT_RECIPE": str(tiny), "SLINGSHOT_WAREHOUSE": str(data)}
    builds = [
        subprocess.Popen(
            [sys.executable, str(ROOT / "cli.py"), "build"],
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
        assert (build.returncode, errors) == (0, "")
    assert reads > 5
    published = query(data, "SELECT asset FROM lineage.current ORDER BY asset")["asset"].to_list()
    assert published == sorted(step.asset for step in steps(load_recipe(tiny)))
    twice = query(data, "SELECT key, budget FROM memo.calls GROUP BY ALL HAVING count(*) > 1")
    assert twice.is_empty()
    for table, key in (("lineage.records", "id"), ("lineage.versions", "asset, version"), ("records.pair", "id")):
        assert query(data, f"SELECT {key} FROM {table} GROUP BY ALL HAVING count(*) > 1").is_empty()
