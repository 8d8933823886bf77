"""From steps to Dagster assets: versions, reuse, validation, checks and metadata are the same for all."""

# No `from __future__ import annotations`: Dagster compares the annotation of `context` itself.
import time
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import dagster as dg

from assets.building.display import Display
from assets.building.facts import CHECKS, column_lineage, column_schema, facts_of, metadata_of
from assets.building.io_manager import Input, Publication
from assets.building.recipe_shown import recipe_metadata
from assets.openness.ancestry import judged
from assets.openness.rules import Terms
from assets.steps.step import Step
from resources.tools.tools import Report, Tools
from resources.tools.workbench import Workbench
from warehouse.core.errors import Mendable
from warehouse.results.checks import OPENNESS, checked, failed_checks, held_up
from warehouse.results.result import Check, Result
from warehouse.store.versions import Effort, Published

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
) -> dg.AssetsDefinition:
    """The Dagster asset of a step. `display` is told of progress and of the end, beside Dagster's log.

    Rows at which a model failed are tried again up to `retries` times. What rows are made of must be open under
    `terms`. `condition` says when Dagster rebuilds it by itself.
    """

    def materialize(context: dg.AssetExecutionContext, inputs: dict[str, Input]) -> Iterator[Any]:
        began = time.monotonic()
        tools = Tools(bench, _reporting(context, display, step.asset))
        # Held for all that is read here: opening the file takes longer than any of the queries.
        with bench.database.read():
            catalog = bench.store.catalog()
            upstream = {name: value.published(catalog) for name, value in inputs.items()}
            versions = {name: published.data_version for name, published in upstream.items()}
            settled = step.settle(versions, retries, catalog)
            if settled.stored is None:
                frames = {name: bench.store.read(published) for name, published in upstream.items()}
            else:
                facts = bench.store.facts(settled.stored)
        unchanged = settled.stored is not None and catalog.current(step.asset) == settled.stored
        if not unchanged:
            bench.put_on_record(step.slice)
        result: Result | Published
        if settled.stored is not None:
            result, action = settled.stored, "unchanged" if unchanged else "restored"
        else:
            try:
                result = judged(bench.database, checked(step.run(tools, frames)), settled.target.inputs, terms)
            except Mendable as error:
                raise dg.Failure(description=str(error), allow_retries=False) from error
            facts, action = facts_of(result, step.plot), "built"
            if shut := failed_checks(result.checks, {OPENNESS}):
                # Not published: what is open is the recipe's to say, and of most assets the version does not name it.
                yield from _results(result.checks)
                raise dg.Failure(held_up(step.asset, shut), allow_retries=False)
        checks = [Check(**check) for check in facts["checks"]]
        failed = failed_checks(checks, step.blocking)
        meter = tools.meter
        effort = Effort(meter.computed, meter.from_memo, meter.tokens, meter.seconds, time.monotonic() - began)
        yield dg.Output(
            Publication(settled.target, result, action, facts, effort, bench.recipe, failed),
            metadata=metadata_of(facts, effort, action) | recipe_metadata(bench.recipe, step.slice),
            data_version=dg.DataVersion(result.data_version),
        )
        yield from _results(checks)
        display.finished(step.asset, action, facts, effort)
        if failed:
            # Dagster would stop here too, but name the check alone and not what it found.
            raise dg.Failure(held_up(step.asset, failed), allow_retries=False)

    @dg.asset(
        key=step.asset.split("/"),
        ins={name: dg.AssetIn(key=asset.split("/")) for name, asset in step.inputs.items()},
        group_name=step.group,
        description=step.description,
        kinds=set(step.kinds),
        code_version=step.recipe_and_code,
        metadata={"dagster/column_schema": column_schema(step), "dagster/column_lineage": column_lineage(step)},
        check_specs=[
            dg.AssetCheckSpec(name, asset=step.asset.split("/"), description=CHECKS.get(name), blocking=blocking)
            for name, blocking in step.every_check.items()
        ],
        io_manager_key="warehouse",
        automation_condition=condition,
    )
    def asset(context: dg.AssetExecutionContext, **inputs: Input) -> Iterator[Any]:
        with display.following(step.asset):
            yield from materialize(context, inputs)

    return asset


def _results(checks: Iterable[Check]) -> Iterator[dg.AssetCheckResult]:
    for check in checks:
        yield dg.AssetCheckResult(check_name=check.name, passed=check.passed, metadata=check.facts)


def _reporting(context: dg.AssetExecutionContext, display: Display, asset: str) -> Report:
    last = time.monotonic()

    def report(what: str, done: int, total: int) -> None:
        nonlocal last
        display.progress(asset, what, done, total)
        if done == total or time.monotonic() - last >= SECONDS_BETWEEN_LOG_LINES:
            last = time.monotonic()
            context.log.info(f"{what}: {done} of {total}")

    return report
