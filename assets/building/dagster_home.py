"""Dagster's own storage, in the warehouse folder so that its history is kept; telemetry is off."""

from __future__ import annotations

import os
from pathlib import Path

import dagster as dg

from warehouse.core.waiting import locked

# This coordinator starts runs at once, each in its own process, so that the webserver needs no daemon.
SETTINGS = """telemetry:
  enabled: false
nux:
  enabled: false
run_coordinator:
  module: dagster._core.run_coordinator
  class: DefaultRunCoordinator
"""


PROCESS = "slingshot/process"
"""The tag with the id of the process that executes a run."""


def dagster_home(data: Path) -> Path:
    """The folder for DAGSTER_HOME, created with its settings if needed."""
    home = data / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    settings = home / "dagster.yaml"
    if not settings.exists() or settings.read_text(encoding="utf-8") != SETTINGS:
        settings.write_text(SETTINGS, encoding="utf-8")
    return home


def dagster_instance(data: Path) -> dg.DagsterInstance:
    """The Dagster instance, the same that the UI shows."""
    home = dagster_home(data)
    # Dagster creates its tables on first use, and fails if two processes create them at once.
    with locked(home / "making.lock", f"Dagster's storage in {home}"):
        instance = dg.DagsterInstance.from_config(str(home))
        _ = instance.run_storage, instance.event_log_storage, instance.schedule_storage
    return instance


def close_killed_runs(instance: dg.DagsterInstance) -> None:
    """Marks runs as failed whose process was killed; otherwise the UI would show them as running for ever."""
    for run in instance.get_runs(filters=dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
        process = run.tags.get(PROCESS)
        if process and not _is_alive(int(process)):
            instance.report_run_failed(run, "The build was killed. The next build continues where it stopped.")


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
