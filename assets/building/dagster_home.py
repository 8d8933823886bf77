"""Dagster's own storage, in the warehouse folder so that its history is kept; telemetry is off."""

from __future__ import annotations

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
