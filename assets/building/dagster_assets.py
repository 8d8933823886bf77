"""Turns steps into Dagster assets."""

# No `from __future__ import annotations`: Dagster needs the annotation of `context` as a class, not as a text.
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg

from assets import STAGES
from assets.building.dead_runs import PROCESS
from assets.building.display import Display
from assets.building.materialize import NotOpen, materialize
from assets.building.metadata import CHECKS, column_lineage, column_schema, metadata_of
from assets.building.recipe_shown import recipe_metadata
from assets.openness.rules import Terms
from assets.planning.waiting import Waits
from assets.steps.names import method_of
from assets.steps.step import Step
from resources.tools.tools import Tools
from resources.tools.workbench import Workbench
from warehouse.core.errors import UserError
from warehouse.core.plain_errors import plain
from warehouse.results.result import Check
from warehouse.store.published import Catalog

SECONDS_BETWEEN_LOG_LINES = 5.0

# `data_version` of an Output is in beta; the version of dagster is pinned.
warnings.filterwarnings("ignore", category=dg.BetaWarning)


def to_asset(
    step: Step,
    bench: Workbench,
    retries: int,
    terms: Terms,
    display: Display,
    condition: dg.AutomationCondition[Any] | None = None,
    waits: Waits | None = None,
    stale: str = "",
    problem: str = "",
    priority: int = 0,
) -> dg.AssetsDefinition:
    """The Dagster asset of a step (see `materialize`). `display` gets progress and the end, beside Dagster's log.

    `condition` says when Dagster rebuilds the asset by itself. `waits` knows the whole graph: in a run of the UI, an
    asset ends at once where an asset is out of date that it reads, directly or through others. `stale` says why the
    asset is out of date now, and `problem` what is wrong with the recipe, which fails every run. Of assets that could
    be built next, the one with the highest `priority` is (see order.py).
    """

    def waits_in(context: dg.AssetExecutionContext) -> Callable[[Catalog], str | None] | None:
        """Why the asset must not be built in a run yet; `slingshot build` has looked itself."""
        if waits is None or PROCESS in context.run.tags:
            return None
        return lambda catalog: waits.why(step, catalog, context.run.run_id)

    def results(context: dg.AssetExecutionContext) -> Iterator[Any]:
        report = _Reporting(context, display, step.asset)
        tools, bench.loading = Tools(bench, report), report.loading
        try:
            if problem:
                raise UserError(f"nothing is built until the recipe is mended: {problem}")
            publication = materialize(step, tools, retries, terms, waits_in(context))
        except Exception as error:
            if isinstance(error, NotOpen):
                yield from _check_results(error.checks)
            if (message := plain(error)) is None:
                raise
            raise dg.Failure(description=message, allow_retries=False) from error
        yield dg.Output(
            publication,
            metadata=metadata_of(publication.facts, publication.cost, publication.action)
            | recipe_metadata(publication.recipe, step.slice),
            data_version=dg.DataVersion(publication.result.data_version),
        )
        yield from _check_results(publication.checks)
        if waits:
            waits.handled.add((context.run.run_id, step.asset))
        display.finished(step.asset, publication.action, publication.facts, publication.effort)
        if publication.fault:
            # Dagster would stop here too, but its message has only the name of the check, not what it found.
            raise dg.Failure(publication.fault, allow_retries=False)

    @dg.asset(
        key=step.asset.split("/"),
        ins={name: dg.AssetIn(key=asset.split("/")) for name, asset in step.inputs.items()},
        group_name=group_shown(step),
        description=f"{step.description}\n\n{stale}" if stale else step.description,
        kinds=set(step.kinds),
        code_version=step.recipe_and_code,
        op_tags={"dagster/priority": str(priority)},
        metadata={"dagster/column_schema": column_schema(step), "dagster/column_lineage": column_lineage(step)},
        check_specs=[
            dg.AssetCheckSpec(name, asset=step.asset.split("/"), description=CHECKS.get(name), blocking=blocking)
            for name, blocking in step.every_check.items()
        ],
        io_manager_key="warehouse",
        automation_condition=condition,
    )
    def asset(context: dg.AssetExecutionContext, **inputs: None) -> Iterator[Any]:
        with display.watching(step.asset):
            yield from results(context)

    return asset


def group_shown(step: Step) -> str:
    """The group of an asset in the UI: the number of its stage, since groups are sorted by name, and the stage or, for
    an asset that each arm has, what comes before the arm, such as "2_generation" or "4_training_sets".

    A node shows only the last part of its name, so the names in a group differ. All methods are in one group, whatever
    a method says of its own stage.
    """
    stage = "generation" if method_of(step.asset) else step.group
    *before, _ = step.asset.split("/")
    return f"{1 + STAGES.index(stage)}_{'_'.join(before) or stage}"


def _check_results(checks: Iterable[Check]) -> Iterator[dg.AssetCheckResult]:
    for check in checks:
        yield dg.AssetCheckResult(check_name=check.name, passed=check.passed, metadata=check.facts)


class _Reporting:
    """Passes progress on to the display and, now and then, to Dagster's log."""

    def __init__(self, context: dg.AssetExecutionContext, display: Display, asset: str) -> None:
        self._log, self._display, self._asset = context.log, display, asset
        self._shown, self._logged = ("", 0, 0), time.monotonic()

    def __call__(self, what: str, done: int, total: int) -> None:
        self._shown = (what, done, total)
        self._display.progress(self._asset, what, done, total)
        if done == total or time.monotonic() - self._logged >= SECONDS_BETWEEN_LOG_LINES:
            self._logged = time.monotonic()
            self._log.info(f"{what}: {done} of {total}" if total else what)

    @contextmanager
    def loading(self, what: str) -> Iterator[None]:
        """Shows what is loaded in the block, and afterwards what was shown before."""
        before = self._shown
        self(what, 0, 0)
        yield
        if before[0]:
            self(*before)
