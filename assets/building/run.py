"""Builds the stale assets of the graph, or of a selection, in this process."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import dagster as dg

from assets.building.dead_runs import PROCESS, close_dead_runs
from assets.planning.plan import Planner
from assets.steps.step import Step
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


def build_stale(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    steps: Sequence[Step],
    planner: Planner,
    selection: str | None = None,
) -> list[Failure]:
    """Builds the stale assets and those that may become stale, in order. Fresh assets are left alone.

    An asset that failed a blocking check is run again and fails again, so that every build reports why it blocks
    others. Raises BadSelection.
    """
    close_dead_runs(instance)
    plan = planner.plan(steps, selected(definitions, selection))
    stale = [one.asset for one in plan if one.action != "none" or one.error]
    return build_assets(definitions, instance, stale) if stale else []


def build_assets(
    definitions: dg.Definitions, instance: dg.DagsterInstance, assets: Iterable[str] | None = None
) -> list[Failure]:
    """Materializes `assets` (None: all) in order; assets downstream of a failed one are skipped."""
    job = definitions.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(
        instance=instance,
        raise_on_error=False,
        tags={PROCESS: str(os.getpid())},
        # The display prints to the terminal; the instance keeps the events for the UI.
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        asset_selection=None if assets is None else [dg.AssetKey(asset.split("/")) for asset in assets],
    )
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
