"""A build runs for hours. Its bar must move while an asset is computed, although Dagster takes the output of runs away,
and a pipe must get lines only. Both are tried on the real command."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.building import edit
from tests.support.tiny import ROOT, with_two_arms

SELECTION = '+key:"backward_model" or +key:"raw_self_training"'
CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def in_a_terminal(*arguments: str, recipe: Path, data: Path) -> str:
    """All that the command writes to a terminal of 80 columns, in this order, without control codes."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, str(ROOT / "slingshot.py"), *arguments, "--recipe", str(recipe), "--warehouse", str(data)],
        env=os.environ | {"TERM": "xterm", "COLUMNS": "80"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        written = b""
        try:
            while piece := os.read(ours, 2**16):
                written += piece
        except OSError:  # the other end is closed
            pass
    os.close(ours)
    text = CONTROLS.sub("", written.decode()).replace("\r\n", "\n").replace("\r", "\n")
    assert process.returncode == 0, text
    return text


def piped(*arguments: str, recipe: Path, data: Path) -> str:
    """What the command writes to a pipe."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "slingshot.py"), *arguments, "--recipe", str(recipe), "--warehouse", str(data)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout


def longer(recipe: dict[str, Any]) -> None:
    """A training of some seconds, and completions of more than one, on a fast machine too: no rate is shown before."""
    recipe["generation"]["backward_model"] |= {"epochs": 15}
    recipe["generation"]["self_training"]["response"]["max_new_tokens"] = 240
    recipe["seed_tasks"][0]["count"] = recipe["generation"]["self_training"]["count"] = 30
    recipe["chunk"] = 1


def test_the_bar_moves_while_an_asset_is_computed(tiny: Path, tmp_path: Path) -> None:
    edit(tiny, longer)
    text = in_a_terminal("build", SELECTION, recipe=tiny, data=tmp_path / "data")
    trained, _ = text.split("    built  backward_model")
    assert re.search(r"step \d/4  backward_model: loading generator\n", trained)
    steps = re.findall(r"step \d/4  backward_model: training steps\n[^\n]* (\d+)/120 +\d:\d\d elapsed", trained)
    assert len(set(steps)) >= 5, trained
    assert steps == sorted(steps, key=int)
    assert re.search(r" \d+/120 +\d:\d\d elapsed, \d:\d\d left", trained)
    written, _ = text.split("    built  raw_self_training")
    assert "raw_self_training: loading generator\n" in written
    asked = re.findall(r"raw_self_training: completions[^\n]*\n[^\n]* (\d+)/30 ", written)
    assert len(set(asked)) >= 3, written
    assert re.search(r"raw_self_training: completions \(\d[\d,]* tokens/s\)\n", written)
    assert max(map(len, text.split("\n"))) <= 80
    assert re.search(r"\n4 built in \d:\d\d, 31 calls\n", text)


def test_a_pipe_gets_one_line_for_each_asset_and_the_totals(tiny: Path, tmp_path: Path) -> None:
    edit(tiny, with_two_arms)
    arguments: dict[str, Any] = {"recipe": tiny, "data": tmp_path / "data"}
    *lines, totals = piped("build", "+raw_self_training", **arguments).splitlines()
    assert [re.sub(r" +\d+\.\d s ", " 0.0 s ", line) for line in lines[:2]] == [
        "    built  benchmark_items 0.0 s  2 kept, 118 rejected",
        "    built  seed_tasks 0.0 s  12 kept, 108 rejected",
    ]
    assert re.fullmatch(r"    built  raw_self_training +\d+\.\d s  .* · 12 calls", lines[2])
    assert re.fullmatch(r"3 built in \d:\d\d, 12 calls", totals)
    again = piped("build", "+raw_self_training", **arguments)
    assert re.fullmatch(r"nothing is stale: 3 unchanged in \d:\d\d, no calls\n", again)


def test_a_failed_build_says_what_it_did_not_reach(tiny: Path, tmp_path: Path) -> None:
    edit(tiny, lambda recipe: recipe["models"].update(generator=recipe["sources"]["rows"]))
    done = subprocess.run(
        [sys.executable, str(ROOT / "slingshot.py"), "build", "+scores/longform/base"],
        env=os.environ | {"SLINGSHOT_RECIPE": str(tiny), "SLINGSHOT_WAREHOUSE": str(tmp_path / "data")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert re.fullmatch(r"1 built, 1 failed, 1 not reached in \d:\d\d, no calls", done.stdout.splitlines()[-1])


def test_the_output_of_the_uis_runs_is_still_kept(tiny: Path, tmp_path: Path) -> None:
    """The settings in the folder, which the UI reads, have no word of it."""
    from assets.building.dagster_home import SETTINGS, dagster_home, dagster_instance

    with dagster_instance(tmp_path) as instance:
        assert type(instance.compute_log_manager).__name__ == "NoOpComputeLogManager"
    assert (dagster_home(tmp_path) / "dagster.yaml").read_text() == SETTINGS
    assert "compute_logs" not in SETTINGS
