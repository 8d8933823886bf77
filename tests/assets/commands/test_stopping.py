"""A build runs for hours, so it is stopped, its disk fills up and its output is cut off. Each ends with one line and an
exit status that scripts know, and the next build continues. All of it is tried on the real command, as a process."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.building.dagster_home import dagster_instance
from assets.building.display import Display
from assets.commands.project import BuildStopped, project_at
from tests.support.building import build, edit, store
from tests.support.tiny import ROOT
from warehouse.store.published import Effort

SECONDS = 300


def started(*arguments: str, recipe: Path, data: Path, **options: Any) -> subprocess.Popen[str]:
    """The command in a new process."""
    environment = os.environ | {"SLINGSHOT_RECIPE": str(recipe), "SLINGSHOT_WAREHOUSE": str(data)}
    command = [sys.executable, str(ROOT / "slingshot.py"), *arguments]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def wait_until(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def statuses(data: Path) -> list[str]:
    with dagster_instance(data) as instance:
        return [run.status.value for run in instance.get_runs()]


def long_training(recipe: dict[str, Any]) -> None:
    recipe["generation"]["backward_model"] |= {"epochs": 200, "checkpoint_every": 2}


def test_a_stopped_training_is_one_line_and_a_canceled_run(tiny: Path, tmp_path: Path) -> None:
    edit(tiny, long_training)
    data = tmp_path / "data"
    process = started("build", "+backward_model", recipe=tiny, data=data)
    wait_until(lambda: list(data.glob("checkpoints/*.unfinished/checkpoint-*")))
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 130
    assert errors == (
        "slingshot: stopped while it built backward_model; kept: 2 finished assets, every finished model call and the "
        "last training checkpoint; the next build continues there\n"
    )
    assert statuses(data) == ["CANCELED"]
    assert list(data.glob("claims/*")) == []
    assert len(list(data.glob("checkpoints/*.unfinished/checkpoint-*"))) == 1


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_waits_can_be_stopped(sent: signal.Signals, tiny: Path, tmp_path: Path) -> None:
    database = store(tmp_path).database
    with database.write():
        process = started("ledger", recipe=tiny, data=tmp_path)
        assert process.stderr is not None
        assert process.stderr.readline().startswith("slingshot: waiting for the warehouse ")
        process.send_signal(sent)
        _, errors = process.communicate(timeout=SECONDS)
    assert (process.returncode, errors) == (130, "slingshot: stopped; what is in the warehouse stays as it is\n")


STUCK = """
import hashlib, threading
from assets.commands.interrupts import stop_on_signals
stop_on_signals()
threading.Timer(0.5, lambda: print(flush=True)).start()
hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)  # a library that does not look at signals for half an hour
"""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_the_process_at_once(sent: signal.Signals) -> None:
    command, environment = [sys.executable, "-c", STUCK], os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        for _ in range(2):  # as from a terminal and from a program that passes it on
            process.send_signal(sent)
        time.sleep(1)
        assert process.poll() is None
        process.send_signal(sent)
        assert process.wait(10) == 130
        assert process.stderr is not None
        assert process.stderr.read() == b""


class Interrupting(Display):
    """Presses Ctrl-C when the first asset is finished."""

    def finished(self, asset: str, action: str, facts: dict[str, Any], effort: Effort) -> None:
        os.kill(os.getpid(), signal.SIGINT)


def test_in_python_a_stopped_build_is_a_keyboard_interrupt(tiny: Path, tmp_path: Path) -> None:
    handler = signal.getsignal(signal.SIGINT)
    project = project_at(tiny, tmp_path / "data")
    with pytest.raises(BuildStopped, match=r"^stopped while it built benchmark_items; kept: 1 finished asset, "):
        project.build("benchmark_items", Interrupting())
    assert statuses(tmp_path / "data") == [dg.DagsterRunStatus.CANCELED.value]
    assert signal.getsignal(signal.SIGINT) is handler
    assert project.build("benchmark_items").unchanged == ("benchmark_items",)


def test_a_closed_output_ends_a_command_quietly(tiny: Path, tmp_path: Path) -> None:
    for command in (["build", "benchmark_items"], ["plan"], ["check"]):
        process = started(*command, recipe=tiny, data=tmp_path / "data")
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
        assert process.wait(SECONDS) == 141
    _, failures = build(tiny, tmp_path / "data", "benchmark_items")
    assert failures == []


@pytest.mark.parametrize("size", [20_000, 200_000])
def test_a_full_disk_is_one_line_and_the_next_build_continues(size: int, tiny: Path, tmp_path: Path) -> None:
    """The limit of a file's size stands for the size of the disk: sooner or later a file reaches it."""
    process = started(
        "build",
        "+seed_tasks",
        recipe=tiny,
        data=tmp_path / "data",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
    )
    _, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert errors.startswith("slingshot: ")
    assert errors.count("\n") == 1
    _, failures = build(tiny, tmp_path / "data", "+seed_tasks")
    assert failures == []


def test_a_folder_instead_of_a_file_to_write_is_one_line(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for command, said in (
        (["report", "--out", str(tmp_path)], f"{tmp_path} is a folder; choose a file with --out"),
        (["build", "seed_tasks", "--warehouse", f"{tmp_path}/file"], f"{tmp_path}/file"),
    ):
        process = started(*command, recipe=tiny, data=tmp_path / "data")
        _, errors = process.communicate(timeout=SECONDS)
        assert process.returncode == 1
        assert errors.startswith(f"slingshot: {said}")
        assert errors.count("\n") == 1
