"""Closes the runs of processes that ended without a word; otherwise the UI would show them as running for ever."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import dagster as dg
import psutil
from dagster import DagsterEventType, RunRecord

from assets.building.dagster_home import given_home

PROCESS = "slingshot/process"
"""The tag with the id of the process that executes a run of a build. The UI's runs report it as an event instead."""
HOST = "slingshot/host"
"""The tag with the name of the machine of that process: on another one, the id says nothing."""

# None is ever queued: see the coordinator in dagster_home.py.
UNFINISHED = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
MESSAGE = "The process of this run was killed, or its machine stopped. The next build continues where it stopped."
SECONDS_OF_ROUNDING = 2.0


def close_dead_runs(instance: dg.DagsterInstance, deployed: Path | None = None) -> None:
    """Marks unfinished runs that no process executes any more as failed, or as canceled if that was under way.

    In a home that DAGSTER_HOME names, or the deployment file (`deployed`), Dagster's run monitoring does this: runs
    there may be those of other machines. A run that has not reported its process yet is left alone while any process of
    a UI uses this instance, since that one may be about to start it.
    """
    if given_home(deployed):
        return
    for record in instance.get_run_records(dg.RunsFilter(statuses=UNFINISHED)):
        if _goes_on(instance, record):
            continue
        # Its process may have finished it between the two looks, but does no more after the second.
        run = instance.get_run_by_id(record.dagster_run.run_id)
        if run is None or run.is_finished:
            continue
        if run.status == dg.DagsterRunStatus.CANCELING:
            instance.report_run_canceled(run, MESSAGE)
        else:
            instance.report_run_failed(run, MESSAGE)


def _goes_on(instance: dg.DagsterInstance, record: RunRecord) -> bool:
    """Whether a process executes the run, or may still begin to."""
    run = record.dagster_run
    if run.tags.get(HOST, platform.node()) != platform.node():
        return True
    if PROCESS in run.tags:
        return _is_alive(int(run.tags[PROCESS]), record.create_timestamp.timestamp())
    events = instance.get_records_for_run(run.run_id, of_type=DagsterEventType.ENGINE_EVENT).records
    reported = [
        (int(str(entry.metadata["pid"].value)), one.timestamp)
        for one in events
        if (entry := one.event_log_entry.get_dagster_event().engine_event_data) and "pid" in entry.metadata
    ]
    if reported:
        return any(_is_alive(process, when) for process, when in reported)
    return _is_in_use(Path(instance.root_directory))


def _is_alive(process: int, when: float) -> bool:
    """Whether the process that had this id at `when` (seconds since 1970) still runs; ids are given again to others."""
    try:
        found = psutil.Process(process)
        with found.oneshot():
            return bool(found.status() != psutil.STATUS_ZOMBIE and found.create_time() <= when + SECONDS_OF_ROUNDING)
    except psutil.NoSuchProcess:
        return False


def _is_in_use(home: Path) -> bool:
    """Whether another process was started for the UI of this folder, as server or to execute a run."""
    return any(
        (found.info["environ"] or {}).get("DAGSTER_HOME") == str(home)
        for found in psutil.process_iter(["environ", "status"])
        if found.pid != os.getpid() and found.info["status"] != psutil.STATUS_ZOMBIE
    )
