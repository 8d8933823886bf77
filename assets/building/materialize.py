"""Builds one asset and publishes it, without Dagster: versions, reuse, validation and checks are the same for all."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from assets.building.facts import facts_of
from assets.openness.ancestry import with_openness_check
from assets.openness.rules import Terms
from assets.steps.step import Step
from resources.tools.tools import Tools
from warehouse.core.errors import UserError
from warehouse.results.checks import OPENNESS, blocked_message, checked, failed_checks
from warehouse.results.result import Check, Result
from warehouse.results.shortage import TooFewRows
from warehouse.schema.records import KIND_OF
from warehouse.store.published import Catalog, Effort, Published, Run, Target
from warehouse.store.versions import Store


class NotBuilt(UserError):
    """An input has no version yet, or failed a check that blocks everything downstream."""


class NotOpen(UserError):
    """Rows are made from something that the policy does not accept. `checks` are those of the refused result."""

    def __init__(self, message: str, checks: Sequence[Check]) -> None:
        super().__init__(message)
        self.checks = tuple(checks)


@dataclass(frozen=True)
class Publication:
    """What a build of an asset hands to the warehouse: a new result, or a stored version to point to again.

    `action` is "built", "unchanged" or "restored". `facts` are shown with the version (see `facts_of`). `recipe` is the
    whole current recipe (JSON). `failed_checks` lists the blocking checks that failed and what they found. `built_for`
    is what a stored version cost when it was built.
    """

    target: Target
    result: Result | Published
    action: str
    facts: dict[str, Any]
    effort: Effort
    recipe: str
    failed_checks: str = ""
    built_for: Effort | None = None

    @property
    def cost(self) -> Effort:
        """What the version cost when it was built: a run that only finds it again costs nothing."""
        return self.built_for or self.effort

    @property
    def checks(self) -> list[Check]:
        """All checks of the version."""
        return _checks_of(self.facts)

    @property
    def fault(self) -> str | None:
        """Why nothing may be built on the version; None if it passed its blocking checks."""
        return blocked_message(self.target.asset, self.failed_checks) if self.failed_checks else None


def materialize(
    step: Step, tools: Tools, retries: int, terms: Terms, waits: Callable[[Catalog], str | None] | None = None
) -> Publication:
    """Builds a step from the current versions of its inputs, unless its version is stored; publishes nothing.

    Rows at which a model failed are tried again up to `retries` times. Whatever the rows are made from must be open
    under `terms`. `waits` says why the step must not be built yet, None if it may. Raises NotBuilt, NotOpen, and any
    UserError of the step.
    """
    began, bench, built_for = time.monotonic(), tools.bench, None
    # One connection for all reads: opening the file takes longer than any of the queries.
    with bench.database.read():
        catalog = bench.store.catalog()
        tools.know(catalog)
        if waits and (waiting := waits(catalog)):
            raise NotBuilt(waiting)
        inputs = {name: _current(catalog, asset) for name, asset in step.inputs.items()}
        settled = step.settle({name: one.data_version for name, one in inputs.items()}, retries, catalog)
        stored = settled.stored
        if stored and bench.checkpoints.faults(stored):
            stored = None
        if stored:
            facts, built_for = bench.store.facts(stored), bench.store.built_for(stored)
        else:
            frames = {name: bench.store.read(one) for name, one in inputs.items()}
        unchanged = stored is not None and catalog.current(step.asset) == stored
        on_record = unchanged or bench.is_on_record(step.slice)
    if not on_record:
        bench.put_on_record(step.slice)
    result: Result | Published
    if stored:
        result, action = stored, "unchanged" if unchanged else "restored"
    else:
        try:
            made = step.run(tools, frames)
        except TooFewRows as few:
            raise few.with_losses(bench.store.losses(catalog, step.inputs.values(), KIND_OF[step.model])) from few
        result = with_openness_check(bench.database, checked(made), settled.target.inputs, terms)
        if closed := failed_checks(result.checks, {OPENNESS}):
            # Not published: the policy decides what is open, but it is not part of the version of most assets.
            raise NotOpen(blocked_message(step.asset, closed), result.checks)
        facts, action = facts_of(result, step), "built"
    target = settled.target
    if isinstance(result, Result) and settled.stored:
        target = _distinct(step, target, result, catalog)
    meter = tools.meter
    effort = Effort(meter.computed, meter.from_memo, meter.tokens, meter.seconds, time.monotonic() - began)
    failed = failed_checks(_checks_of(facts), step.blocking)
    return Publication(target, result, action, facts, effort, bench.recipe, failed, built_for)


def _distinct(step: Step, target: Target, result: Result, catalog: Catalog) -> Target:
    """The version for checkpoints that were trained again since their files were lost.

    Another machine or library may train other weights than before. Such a result is a further attempt (our choice):
    the rows of a stored version never change.
    """
    withdrawn, reviews = step.applicable_withdrawals(catalog.withdrawals), step.applicable_reviews(catalog.reviews)
    inputs = {name: target.inputs[asset] for name, asset in step.inputs.items()}
    while (found := catalog.find(step.asset, target.version)) and found.data_version != result.data_version:
        target = step.target(inputs, target.attempt + 1, withdrawn, reviews)
    return target


def publish(store: Store, publication: Publication, run_id: str) -> None:
    """Writes rows, decisions, edges and the pointer to them in one transaction, or only moves the pointer."""
    run = Run(run_id, publication.recipe)
    if isinstance(publication.result, Published):
        store.reuse(publication.result, publication.action, publication.effort, run)
    else:
        store.publish(
            publication.target,
            publication.result,
            publication.facts,
            publication.effort,
            run,
            publication.failed_checks,
        )


def _current(catalog: Catalog, asset: str) -> Published:
    """The current version of an input. Raises NotBuilt."""
    published = catalog.current(asset)
    if published is None:
        raise NotBuilt(f"{asset} has not been built yet; build it first: slingshot build '+{asset}'")
    if published.fault:
        raise NotBuilt(published.fault)
    return published


def _checks_of(facts: dict[str, Any]) -> list[Check]:
    return [Check(**check) for check in facts["checks"]]
