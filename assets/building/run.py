"""Builds assets of the graph in this process, and finds those that a selection matches."""

from __future__ import annotations

import io
import os
import platform
import re
import sys
from collections.abc import Iterable
from contextlib import redirect_stderr
from dataclasses import dataclass
from typing import TextIO
from uuid import uuid4

import dagster as dg

from assets.building.dead_runs import HOST, PROCESS
from warehouse.core.errors import UserError
from warehouse.core.texts import nearest


class BadSelection(UserError):
    """The selection matches no asset of the graph."""


@dataclass(frozen=True)
class Failure:
    """An asset that failed; `trace` is empty if the message says all that the user needs."""

    asset: str
    message: str
    trace: str


def build_assets(
    definitions: dg.Definitions, instance: dg.DagsterInstance, assets: Iterable[str] | None = None
) -> list[Failure]:
    """Materializes `assets` (None: all) in order; assets downstream of a failed one are skipped.

    An asset that failed a blocking check fails again, so that every build reports why it blocks others. Raises
    KeyboardInterrupt where the build was interrupted; its run is then canceled.
    """
    keys = None if assets is None else [dg.AssetKey(asset.split("/")) for asset in assets]
    if keys == []:  # which Dagster takes for all assets
        return []
    job = definitions.resolve_implicit_global_asset_job_def()
    run_id = str(uuid4())
    try:
        with redirect_stderr(_WithoutNotes(sys.stderr)):
            result = job.execute_in_process(
                instance=instance,
                raise_on_error=False,
                run_id=run_id,
                tags={PROCESS: str(os.getpid()), HOST: platform.node()},
                # The display prints to the terminal; the instance keeps the events for the UI.
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
                asset_selection=keys,
            )
    except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
        _cancel(instance, run_id)
        raise KeyboardInterrupt from None
    if any(_is_interrupted(event) for event in result.all_events):
        _cancel(instance, run_id)
        raise KeyboardInterrupt
    failures = []
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            asset = (event.step_key or "").replace("__", "/")
            if data.user_failure_data:
                failures.append(Failure(asset, data.user_failure_data.description or "", ""))
            else:
                error = data.error.cause if data.error and data.error.cause else data.error
                trace = "" if error is None else error.to_string()
                failures.append(Failure(asset, "" if error is None else error.message.strip(), trace))
    return failures


class _WithoutNotes(io.TextIOBase):
    """Passes text on, but not Dagster's notes that an event was not stored, which may be one per log line.

    Where it matters, the same error ends the build and is shown then.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    # When Dagster sets up logging, absl closes the stream of its log handler, which is what sys.stderr was when absl
    # was imported, unless that is equal to what sys.stderr is now. So this is equal to every stream.
    def __eq__(self, other: object) -> bool:
        return hasattr(other, "write")

    def __hash__(self) -> int:
        return hash(self._stream)

    def write(self, text: str) -> int:
        return len(text) if text.startswith(_NOTE) else self._stream.write(text)

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()


_NOTE = "Exception while writing logger call to event log"


def _is_interrupted(event: dg.DagsterEvent) -> bool:
    """Whether it says that a step or the run was interrupted, which Dagster counts as a failure."""
    if event.is_step_failure:
        source = event.step_failure_data.error_source
        return source is not None and source.value == "INTERRUPT"
    if event.event_type is dg.DagsterEventType.RUN_FAILURE:
        reason = event.job_failure_data.failure_reason
        return reason is not None and reason.value == "UNEXPECTED_TERMINATION"
    return False


def _cancel(instance: dg.DagsterInstance, run_id: str) -> None:
    """Marks a run as canceled, unless it was never created."""
    if run := instance.get_run_by_id(run_id):
        instance.report_run_canceled(run, "The build was stopped. The next build continues where it stopped.")


def selected(definitions: dg.Definitions, selection: str | None) -> frozenset[str] | None:
    """The assets that `selection` matches; None, which means all of them, if it is None.

    The syntax is that of Dagster's UI. Beside it, a bare name means its key, and + before it adds everything upstream.
    Raises BadSelection.
    """
    if selection is None:
        return None
    graph = definitions.resolve_asset_graph()
    names = [key.to_user_string() for key in graph.get_all_asset_keys()]
    bare = _BARE.fullmatch(selection)
    if bare and bare["name"] not in names:
        raise BadSelection(f"no asset is named {bare['name']!r}; {nearest(bare['name'], names)}")
    # Dagster reads a bare "+name" in its older syntax, in which + means one layer only.
    text = f'{bare["up"]}key:"{bare["name"]}"{bare["down"]}' if bare else selection
    try:
        keys = dg.AssetSelection.from_string(text).resolve(graph)
    except dg.DagsterError as error:
        raise BadSelection(f"the selection {selection!r} cannot be read: {error}") from error
    if not keys:
        raise BadSelection(f"the selection {selection!r} matches no asset; {nearest(selection, names)}")
    return frozenset(key.to_user_string() for key in keys)


_BARE = re.compile(r"(?P<up>\+?)(?P<name>[\w/]+)(?P<down>\+?)")
