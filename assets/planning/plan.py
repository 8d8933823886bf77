"""The plan: what a build would do to each asset, why, and what it would cost; nothing is computed or written.

The graph is walked in order, with each asset as a build would leave it. One whose version is stored is taken from the
warehouse. A stale one is run on what is known (see resources/tools/forecast.py): where all its model calls are on
record its rows are known exactly, and so is what follows from them; else what lies downstream of it is bounded from
above.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import polars as pl

from assets.planning.stand_ins import decided, stand_ins
from assets.steps.step import Most, Settled, Step
from resources.tools.forecast import ForecastTools, NotFetched
from resources.tools.workbench import Workbench
from warehouse.core.errors import Mendable
from warehouse.lineage.withdrawals import UsesWithdrawn
from warehouse.results.checks import failed_checks, held_up
from warehouse.results.result import Result
from warehouse.results.validation import validated
from warehouse.schema.records import KIND_OF, Checkpoint, empty
from warehouse.store.rates import Rates, measured_rates
from warehouse.store.reasons import code_changes, recipe_changes, row_changes, withdrawal_changes
from warehouse.store.versions import WITHDRAWALS, Catalog, Published, Target

Action = Literal["none", "restore", "build", "wait"]


@dataclass(frozen=True)
class Planned:
    """What a build would do to an asset, and why.

    `action`: "none" (it is fresh), "restore" (a stored version becomes the current one), "build", or "wait" (whether it
    is stale shows once an asset that it reads is built). `calls` are to be computed, `from_memo` are on record;
    `seconds` of model time are estimated from measured rates, None where none was measured. Where not `exact`, calls
    and seconds are upper bounds, None where nothing bounds them.

    `rows` are decided anew, None where that is not known; then `most_rows` may be kept at most. `same_content` says
    that the rows are known to stay as they are: nothing downstream follows. `error` is what a build would fail with, be
    it of its own or of what it reads.
    """

    asset: str
    action: Action
    reasons: tuple[str, ...] = ()
    exact: bool = True
    rows: int | None = None
    most_rows: int | None = None
    calls: int | None = 0
    from_memo: int = 0
    seconds: float | None = 0.0
    same_content: bool = False
    error: str | None = None


@dataclass(frozen=True)
class View:
    """An asset as a build would leave it.

    `data_version` is None where only the build will tell; the rows that `make` gives then stand in for at least those
    that there will be, unless it is not `bounded`. `loose` says that not even their ids can be relied on.
    """

    kind: str
    make: Callable[[], pl.DataFrame]
    data_version: str | None = None
    loose: bool = False
    bounded: bool = True

    @cached_property
    def frame(self) -> pl.DataFrame:
        """The rows."""
        return self.make()


@dataclass
class Planner:
    """Walks the steps of a graph; `foresee` runs what is stale on what is known, and tells why it is; else it is only
    named, which is all that a build needs."""

    bench: Workbench
    retries: int
    foresee: bool = True
    views: dict[str, View] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)

    @cached_property
    def catalog(self) -> Catalog:
        """What is stored."""
        return self.bench.store.catalog()

    @cached_property
    def rates(self) -> Rates:
        """How long calls have taken."""
        return measured_rates(self.bench.database)

    def plan(self, steps: Iterable[Step], selection: frozenset[str] | None = None) -> list[Planned]:
        """One entry per step, in order; with a selection, for its assets alone, on all others as they are."""
        self.views, self.faults, planned = {}, {}, []
        for step in steps:
            if selection is None or step.asset in selection:
                planned.append(self._planned(step))
            elif current := self.catalog.current(step.asset):
                self._stays(current)
        return planned

    def _planned(self, step: Step) -> Planned:
        fault = next((self.faults[asset] for asset in step.inputs.values() if asset in self.faults), None)
        if fault:
            self.faults[step.asset] = fault
            return Planned(step.asset, "wait", error=fault)
        absent = [asset for asset in step.inputs.values() if asset not in self.views]
        if absent:
            return Planned(step.asset, "wait", error=f"{absent[0]} is not there to build it from")
        versions = {name: self.views[asset].data_version for name, asset in step.inputs.items()}
        known = {name: version for name, version in versions.items() if version is not None}
        current = self.catalog.current(step.asset)
        if len(known) < len(versions):
            unknown = [step.inputs[name] for name in versions if name not in known]
            own = self._own_reasons(step, self._was(step))
            action: Action = "build" if own else "wait"
            reasons = tuple(own or [f"waits for {', '.join(unknown)}"])
            return replace(self._foreseen(step, None), action=action, reasons=reasons)
        settled = step.settle(known, self.retries, self.catalog)
        if settled.stored is None:
            foreseen = self._foreseen(step, current.data_version if current else "")
            return replace(foreseen, reasons=(*self._reasons(step, settled), *foreseen.reasons))
        self._stays(settled.stored)
        if current == settled.stored:
            return Planned(step.asset, "none", same_content=True, error=settled.stored.fault)
        same = current is not None and current.data_version == settled.stored.data_version
        return Planned(
            step.asset, "restore", tuple(self._reasons(step, settled)), same_content=same, error=settled.stored.fault
        )

    def _stays(self, published: Published) -> None:
        if published.fault:
            self.faults[published.asset] = published.fault
        self.views[published.asset] = View(
            published.kind, lambda: self.bench.store.read(published), published.data_version
        )

    def _was(self, step: Step) -> Target | None:
        """By what the current version was named; not looked up where no reason is to be told."""
        current = self.catalog.current(step.asset)
        return self.bench.store.named(current) if current and self.foresee else None

    def _own_reasons(self, step: Step, was: Target | None) -> list[str]:
        """Reasons that lie in the asset's own recipe slice and code, and in what is withdrawn of that."""
        if was is None:
            return ["never built"] if self.foresee else []
        withdrawn = withdrawal_changes(step.heeds(self.catalog.withdrawals), was.inputs.get(WITHDRAWALS))
        return [*recipe_changes(was.recipe, step.slice), *code_changes(was.code, step.code), *withdrawn]

    def _reasons(self, step: Step, settled: Settled) -> list[str]:
        was, current = self._was(step), self.catalog.current(step.asset)
        reasons = self._own_reasons(step, was)
        if was is None or current is None:
            return reasons
        for asset in step.inputs.values():
            view, version = self.views[asset], settled.target.inputs[asset]
            if asset not in was.inputs:
                reasons.append(f"reads {asset} now")
            elif was.inputs[asset] != version:
                before = self.bench.store.kept_ids(asset, was.inputs[asset])
                reasons.append(row_changes(asset, view.kind, before, view.frame["id"].to_list()))
        read = [asset for asset in was.inputs if asset != WITHDRAWALS]
        reasons += [f"reads {asset} no more" for asset in read if asset not in settled.target.inputs]
        if settled.target.attempt > 0 and not reasons:
            rows = "1 row" if current.failed == 1 else f"{current.failed} rows"
            reasons.append(f"{rows} failed: retry {settled.target.attempt} of {self.retries}")
        return reasons

    def _foreseen(self, step: Step, current: str | None) -> Planned:
        """A step whose version is not stored; `current` is its data version now, None where its inputs are open."""
        kind = KIND_OF[step.model]
        inputs = {name: self.views[asset] for name, asset in step.inputs.items()}
        alike = [view for view in inputs.values() if view.kind == kind]
        if not self.foresee:
            return self._unbounded(step)
        tools, sure = ForecastTools(self.bench), current is not None
        try:
            tools.refuse_withdrawn(step.slice)
        except UsesWithdrawn as error:
            return self._failing(step, error, tools)
        if not (step.most or all(view.bounded for view in inputs.values())):
            return self._unbounded(step)
        if not sure and (few := self._too_few(step, alike)):
            return self._failing(step, few, tools)
        loose = any(view.loose for view in inputs.values())
        if loose and step.most and not _countable(step.most, inputs.values()):
            return self._unknown(step, tools, sure)
        if current is None and alike and not step.calls_model:
            # A gate lets through at most what comes in; what it would decide about stand-ins means nothing.
            frame = pl.concat([view.frame for view in alike])
            if step.most:
                frame = frame.head(step.most.rows)
            self.views[step.asset] = View(kind, lambda: frame, loose=loose)
            return Planned(step.asset, "build", exact=False, most_rows=len(frame))
        try:
            result = step.run(tools, {name: view.frame for name, view in inputs.items()})
            if sure and not tools.missing.calls:
                result = validated(result)
        except NotFetched as error:
            return replace(self._unknown(step, tools, sure), reasons=(str(error),))
        except Exception as error:
            # A build would fail in the same way, unless it is stand-ins that the step cannot cope with.
            if tools.missing.calls or not sure:
                return self._unknown(step, tools, sure)
            if not isinstance(error, Mendable):
                raise
            return self._failing(step, error, tools)
        if tools.missing.chained:
            return self._unknown(step, tools, sure)
        if tools.missing.calls or not sure:
            return self._bounded(step, result, tools, sure, loose)
        self.views[step.asset] = View(kind, lambda: result.kept, result.data_version)
        failed = failed_checks(result.checks, step.blocking)
        if failed:
            self.faults[step.asset] = held_up(step.asset, failed)
        return Planned(
            step.asset,
            "build",
            rows=len(result.decisions),
            from_memo=tools.meter.from_memo,
            same_content=result.data_version == current,
            error=self.faults.get(step.asset),
        )

    def _bounded(self, step: Step, result: Result, tools: ForecastTools, exact: bool, loose: bool) -> Planned:
        """A step of which some calls, or some of what it reads, are not known: counted with what stands in for them."""
        missing, frame = tools.missing.calls, decided(result)
        self.views[step.asset] = View(KIND_OF[step.model], lambda: frame, loose=loose)
        return Planned(
            step.asset,
            "build",
            exact=exact,
            rows=len(frame) if exact else None,
            most_rows=len(frame),
            calls=len(missing),
            from_memo=tools.meter.from_memo,
            seconds=self.rates.estimate(missing.values()),
        )

    def _too_few(self, step: Step, alike: Sequence[View]) -> Mendable | None:
        """What a gate will fail with that needs more rows than may come in."""
        if step.too_few is None or not alike or not all(view.bounded for view in alike):
            return None
        told = step.too_few(sum(len(view.frame) for view in alike))
        return Mendable(told) if told else None

    def _failing(self, step: Step, error: Mendable, tools: ForecastTools) -> Planned:
        """A step of which it is known that its build would fail."""
        self.views[step.asset] = View(KIND_OF[step.model], lambda: empty(step.model), loose=True)
        return Planned(step.asset, "build", from_memo=tools.meter.from_memo, error=str(error))

    def _unbounded(self, step: Step) -> Planned:
        """A step of which nothing is known but whether it calls a model."""
        self.views[step.asset] = View(KIND_OF[step.model], lambda: empty(step.model), loose=True, bounded=False)
        if not step.calls_model:
            return Planned(step.asset, "build", exact=False)
        return Planned(step.asset, "build", exact=False, calls=None, seconds=None)

    def _unknown(self, step: Step, tools: ForecastTools, sure: bool) -> Planned:
        """A step whose calls do not follow from what is known: bounded by what it says itself, if it says anything.

        Not `sure` is what it would find in the memo where its inputs are open.
        """
        most, missing = step.most, tools.missing.calls
        if most is None:
            return self._unbounded(step)
        from_memo = tools.meter.from_memo if sure else 0
        calls = None if most.calls is None else most.calls - from_memo
        seconds = 0.0 if calls == 0 else None
        if calls is not None and missing and (known := self.rates.estimate(missing.values())) is not None:
            seconds = known / len(missing) * calls
        self.views[step.asset] = View(KIND_OF[step.model], lambda: stand_ins(step.model, most.rows), loose=True)
        return Planned(
            step.asset,
            "build",
            exact=False,
            most_rows=most.rows,
            calls=calls,
            from_memo=from_memo,
            seconds=seconds,
        )


def _countable(most: Most, views: Iterable[View]) -> bool:
    """Whether calls that nothing bounds follow from what is known all the same: a model may be any, but no text."""
    return most.calls is None and not any(view.loose for view in views if view.kind != KIND_OF[Checkpoint])
