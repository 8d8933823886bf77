"""A run whose process was killed must not stay in the UI as running for ever, and a run that another process executes
must not be closed: not even where an id of a process was given to another one meanwhile."""

from __future__ import annotations

import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.events import EngineEventData

from assets.building.dagster_home import dagster_home, dagster_instance
from assets.building.dead_runs import HOST, MESSAGE, PROCESS, UNFINISHED, close_dead_runs

Status = dg.DagsterRunStatus

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dagster_instance(tmp_path) as made:
        yield made


@contextmanager
def process(**environment: str) -> Iterator[subprocess.Popen[bytes]]:
    started = subprocess.Popen(SLEEP, env=environment)
    try:
        yield started
    finally:
        started.kill()
        started.wait()


def ended() -> int:
    """The id of a process that has ended."""
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


def run(instance: dg.DagsterInstance, status: Status, build: int | None = None, ui: int | None = None) -> str:
    """A run of a build in that process, or of the UI in that process; with neither, of the UI before it has one."""
    made = instance.create_run_for_job(JOB, status=status, tags={PROCESS: str(build)} if build else {})
    if ui:
        instance.report_engine_event(f"Started process for run (pid: {ui}).", made, EngineEventData.in_process(ui))
    return made.run_id


@dg.job
def JOB() -> None:
    pass


def closed(instance: dg.DagsterInstance, name: str) -> bool:
    """Whether the run was closed, with the message that says so; fails if it has another status than before."""
    found = instance.get_run_by_id(name)
    assert found is not None
    messages = [entry.message for entry in instance.all_logs(name)]
    assert (MESSAGE in messages) == (found.status in (Status.FAILURE, Status.CANCELED)), messages
    return found.is_finished


def test_a_run_whose_process_has_ended_is_closed(instance: dg.DagsterInstance) -> None:
    gone = ended()
    for status in UNFINISHED:
        runs = [run(instance, status, build=gone), run(instance, status, ui=gone), run(instance, status)]
        close_dead_runs(instance)
        assert [closed(instance, name) for name in runs] == [True] * 3
        expected = Status.CANCELED if status == Status.CANCELING else Status.FAILURE
        assert {found.status for found in instance.get_runs(limit=3)} == {expected}
    events = len(instance.all_logs(runs[0]))
    close_dead_runs(instance)
    assert len(instance.all_logs(runs[0])) == events


def test_a_run_that_another_process_executes_goes_on(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    with process(DAGSTER_HOME=str(dagster_home(tmp_path))) as other:
        runs = [
            started
            for status in UNFINISHED
            for started in (
                run(instance, status, build=other.pid),
                run(instance, status, ui=other.pid),
                run(instance, status),  # the UI that `other` belongs to may be about to start it
            )
        ]
        close_dead_runs(instance)
        assert not any(closed(instance, name) for name in runs)
    close_dead_runs(instance)
    assert all(closed(instance, name) for name in runs)


def test_a_process_that_got_the_id_later_is_another_one(instance: dg.DagsterInstance) -> None:
    with process() as other:
        here = run(instance, Status.STARTED, build=other.pid)
    with process(DAGSTER_HOME="/elsewhere") as later:
        old = run(instance, Status.STARTED, ui=ended())
        time.sleep(2.5)
        with process() as latest:
            instance.add_run_tags(here, {PROCESS: str(latest.pid)})
            close_dead_runs(instance)
        unborn = run(instance, Status.STARTED, ui=later.pid)
        close_dead_runs(instance)
    assert closed(instance, here)
    assert closed(instance, old)
    assert not closed(instance, unborn)


def test_a_killed_process_that_nobody_has_waited_for_is_dead(instance: dg.DagsterInstance) -> None:
    with process() as other:
        runs = [run(instance, Status.STARTED, build=other.pid), run(instance, Status.STARTED, ui=other.pid)]
        other.kill()
        time.sleep(0.2)
        close_dead_runs(instance)
        assert [closed(instance, name) for name in runs] == [True] * 2


def test_a_run_of_another_machine_is_left_as_it_is(instance: dg.DagsterInstance) -> None:
    """Several machines may share Dagster's history. There, the id of a process is that of another one, or of none."""
    runs = [run(instance, Status.STARTED, build=ended()) for _ in range(2)]
    instance.add_run_tags(runs[0], {HOST: "another machine"})
    instance.add_run_tags(runs[1], {HOST: platform.node()})
    close_dead_runs(instance)
    assert [closed(instance, name) for name in runs] == [False, True]


def test_a_finished_run_is_left_as_it_is(instance: dg.DagsterInstance) -> None:
    runs = [run(instance, status, build=ended()) for status in (Status.SUCCESS, Status.FAILURE, Status.CANCELED)]
    before = [found.status for found in instance.get_runs()]
    close_dead_runs(instance)
    assert [found.status for found in instance.get_runs()] == before
    assert not any(instance.all_logs(name) for name in runs)
