"""Dagster's own storage: the one that DAGSTER_HOME names, or the deployment file, or else one in the warehouse folder,
without telemetry.

A home that somebody has set up, such as one with PostgreSQL for several machines, stays as it is.
"""

from __future__ import annotations

import os
from pathlib import Path

import dagster as dg
from dagster._core.instance.ref import InstanceRef

from warehouse.core.errors import UserError
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


# While a run executes, Dagster would point the output of the process at a file: the bar of a build would stand still.
NOT_CAPTURED = {
    "compute_logs": {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}
}


def given_home(deployed: Path | None = None) -> Path | None:
    """The folder that DAGSTER_HOME names, or else `deployed`, the one of the deployment file; None without both."""
    given = os.environ.get("DAGSTER_HOME")
    return Path(given) if given else deployed


def dagster_home(data: Path, deployed: Path | None = None) -> Path:
    """The folder for DAGSTER_HOME: the given one, else one in the warehouse folder `data`, created with its settings.

    `deployed` is the one of the deployment file. Raises UserError where the given folder is not there.
    """
    if given := given_home(deployed):
        if not given.is_dir():
            by_variable = "DAGSTER_HOME", "unset the variable"
            named, right = ("dagster in deployment.yaml", "change it") if given == deployed else by_variable
            raise UserError(f"{named} names {given}, which is no folder; make it, or {right}")
        return given
    home = data / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    settings = home / "dagster.yaml"
    if not settings.exists() or settings.read_text(encoding="utf-8") != SETTINGS:
        settings.write_text(SETTINGS, encoding="utf-8")
    return home


def dagster_instance(data: Path, deployed: Path | None = None) -> dg.DagsterInstance:
    """The Dagster instance, the same that the UI shows; see dagster_home. A run in this process prints to the terminal.

    The UI reads the settings in the folder instead, so that the output of its own runs is kept with them.
    """
    home = dagster_home(data, deployed)
    # Dagster creates its tables on first use, and fails if two processes create them at once.
    with locked(home / "making.lock", f"Dagster's storage in {home}"):
        instance = dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(home), overrides=NOT_CAPTURED))
        _ = instance.run_storage, instance.event_log_storage, instance.schedule_storage
    return instance
