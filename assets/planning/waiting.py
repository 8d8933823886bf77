"""Whether the inputs of an asset are up to date, so that it is not built from rows that a build would replace.

`slingshot build` walks the whole graph and needs no such look. In the UI a person picks assets, and one whose input is
out of date would be computed, or trained for minutes, for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from assets.planning.staleness import own_reasons
from assets.steps.step import Step
from warehouse.core.closure import closure
from warehouse.core.texts import listed
from warehouse.store.published import Catalog
from warehouse.store.versions import Store


@dataclass(frozen=True)
class Waits:
    """Which assets of a graph wait for others. `steps` are those of the whole graph, by asset.

    `handled` are the assets that a run has built or found up to date, as (run, asset). What is above them was looked at
    then, so a run looks at each asset once.
    """

    steps: Mapping[str, Step]
    store: Store
    retries: int
    handled: set[tuple[str, str]] = field(default_factory=set)

    def why(self, step: Step, catalog: Catalog, run: str = "") -> str | None:
        """Which assets upstream are out of date, and why; None where all are up to date or not built at all.

        An input that was never built has its own error.
        """
        upstream = closure(self._open(step, run), lambda asset: self._open(self.steps[asset], run))
        stale = [
            asset for asset in self.steps if asset in upstream and is_stale(self.steps[asset], catalog, self.retries)
        ]
        if not stale:
            return None
        first = stale[0]
        reasons = why_stale(self.steps[first], self.store, catalog, self.retries)
        return (
            f"{step.asset} waits for {listed(stale)}: {first} is out of date ({listed(reasons)}); materialize "
            f"{'it' if len(stale) == 1 else 'them'} first, or in the same run"
        )

    def _open(self, step: Step, run: str) -> list[str]:
        """The inputs of a step that the run has not handled."""
        return [one for one in step.inputs.values() if one in self.steps and (run, one) not in self.handled]


def is_stale(step: Step, catalog: Catalog, retries: int) -> bool:
    """Whether an asset is built, and not as its code, its recipe and the current versions of its inputs want it."""
    current = catalog.current(step.asset)
    inputs = {name: catalog.current(asset) for name, asset in step.inputs.items()}
    known = {name: one.data_version for name, one in inputs.items() if one}
    if current is None or len(known) < len(inputs):
        return False
    return step.settle(known, retries, catalog).target.version != current.version


def why_stale(step: Step, store: Store, catalog: Catalog, retries: int) -> list[str]:
    """Why an asset is out of date; empty where it is not, or was never built."""
    current = catalog.current(step.asset)
    if current is None or not is_stale(step, catalog, retries):
        return []
    before = store.target_of(current)
    own = own_reasons(step, before, catalog.withdrawals, catalog.reviews)
    now = {asset: one.data_version for asset in step.inputs.values() if (one := catalog.current(asset))}
    changed = [f"{asset} changed" for asset, version in now.items() if before.inputs.get(asset) != version]
    return [*own, *changed] or ["rows at which a model failed are tried again"]
