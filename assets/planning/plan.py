"""The plan: what a build would do to each asset, why, and what it would cost. Nothing is computed or written.

The planner walks the graph in order and keeps each asset as a build would leave it. An asset whose version is stored is
read from the warehouse. The cost of a stale one is forecast (see assets/planning/forecast.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property

from assets.planning.forecast import Forecast, Forecaster, View, unbounded
from assets.planning.planned import Certainty, Planned, State
from assets.planning.staleness import input_reasons, own_reasons, retry_reason
from assets.steps.step import Settled, Step
from resources.tools.workbench import Workbench
from warehouse.store.published import Catalog, Published, Target


@dataclass
class Planner:
    """Walks the steps of a graph.

    `counted` are the assets whose calls are counted with an asset that builds them in rounds.

    With `forecast`, each stale asset gets its reasons and its cost. A build needs neither: without `forecast`, the plan
    only says which assets are stale.
    """

    bench: Workbench
    retries: int
    forecast: bool = True
    views: dict[str, View] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    counted: set[str] = field(default_factory=set)

    @cached_property
    def catalog(self) -> Catalog:
        """What is stored."""
        return self.bench.store.catalog()

    @cached_property
    def forecaster(self) -> Forecaster:
        """Finds what a stale asset would cost."""
        return Forecaster(self.bench)

    def plan(self, steps: Iterable[Step], selection: frozenset[str] | None = None) -> list[Planned]:
        """One entry per step, in order. A selection limits this to its assets; all others stay as they are stored."""
        self.views, self.faults, self.counted, planned = {}, {}, set(), []
        # One connection for all reads, as in `materialize`.
        with self.bench.database.read():
            for step in steps:
                if selection is None or step.asset in selection:
                    planned.append(self._planned(step))
                elif current := self.catalog.current(step.asset):
                    self._keep(current)
        return planned

    def _planned(self, step: Step) -> Planned:
        fault = next((self.faults[asset] for asset in step.inputs.values() if asset in self.faults), None)
        if fault:
            self.faults[step.asset] = fault
            return Planned(step.asset, "blocked", error=fault)
        absent = [asset for asset in step.inputs.values() if asset not in self.views]
        if absent:
            return Planned(step.asset, "blocked", error=f"its input {absent[0]} has not been built")
        versions = {name: self.views[asset].data_version for name, asset in step.inputs.items()}
        known = {name: version for name, version in versions.items() if version is not None}
        if len(known) < len(versions):
            return self._waiting(step, [step.inputs[name] for name in versions if name not in known])
        current = self.catalog.current(step.asset)
        settled = step.settle(known, self.retries, self.catalog)
        faults = self.bench.checkpoints.faults(settled.stored) if settled.stored else []
        if settled.stored is None or faults:
            planned = self._forecast(step, current)
            return replace(planned, reasons=(*faults, *self._reasons(step, settled, current), *planned.reasons))
        self._keep(settled.stored)
        fault = settled.stored.fault
        if current == settled.stored:
            return Planned(step.asset, "fails" if fault else "fresh", same_content=True, error=fault)
        same = current is not None and current.data_version == settled.stored.data_version
        reasons = tuple(self._reasons(step, settled, current))
        return Planned(step.asset, "fails" if fault else "restore", reasons, same_content=same, error=fault)

    def _waiting(self, step: Step, unknown: list[str]) -> Planned:
        """A step with inputs whose rows only the build will give; it has to be built if it changed itself."""
        own = self._own_reasons(step, self._target_of(self.catalog.current(step.asset)))
        forecast = self._forecast(step, None)
        state: State = "stale" if own else "waiting"
        reasons = tuple(own or [f"waits for {', '.join(unknown)}"])
        return replace(forecast, state="fails" if forecast.error else state, reasons=reasons)

    def _forecast(self, step: Step, current: Published | None) -> Planned:
        inputs = {name: self.views[asset] for name, asset in step.inputs.items()}
        found: Forecast = unbounded(step)
        if self.forecast:
            found = self.forecaster.forecast(step, inputs, current.data_version if current else None)
            if step.asset in self.counted:
                found = replace(found, planned=replace(found.planned, calls=0, seconds=0.0, inner=()))
            elif step.rounds and found.planned.inner:
                self.counted |= {*(one.asset for one in step.rounds.inner), *step.rounds.most}
        self.views[step.asset] = found.view
        if found.fault:
            self.faults[step.asset] = found.fault
        return replace(found.planned, state="fails") if found.planned.error else found.planned

    def _keep(self, published: Published) -> None:
        """Notes a stored version as what a build leaves."""
        if published.fault:
            self.faults[published.asset] = published.fault
        store = self.bench.store
        self.views[published.asset] = View(
            published.kind,
            lambda: store.read(published),
            Certainty.KNOWN,
            published.data_version,
            lambda: store.losses(self.catalog, [published.asset], published.kind),
        )

    def _target_of(self, current: Published | None) -> Target | None:
        """What determined the current version; not looked up if no reason is needed."""
        return self.bench.store.target_of(current) if current and self.forecast else None

    def _own_reasons(self, step: Step, before: Target | None) -> list[str]:
        if not self.forecast:
            return []
        return own_reasons(step, before, self.catalog.withdrawals, self.catalog.reviews)

    def _reasons(self, step: Step, settled: Settled, current: Published | None) -> list[str]:
        before = self._target_of(current)
        reasons = self._own_reasons(step, before)
        if before is None or current is None:
            return reasons
        reasons += input_reasons(step, settled, before, self.views, self.bench.store)
        if settled.target.attempt > 0 and current.failed and not reasons:
            reasons.append(retry_reason(settled.target.attempt, current.failed, self.retries))
        return reasons
