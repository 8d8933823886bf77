"""A step: one asset as a plain value, from which the Dagster asset, its version and later its plan follow."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from assets.steps.code_digest import code_digests
from resources.tools.tools import Tools
from resources.tools.workbench import Material
from warehouse.core.identity import digest
from warehouse.lineage.withdrawals import Withdrawals, Withdrawn, heeded_digest
from warehouse.results.checks import LEDGER, OPENNESS, SCHEMA
from warehouse.results.result import Result
from warehouse.schema.records import Record, empty
from warehouse.store.versions import WITHDRAWALS, Catalog, Published, Target

QUARANTINE = ("warehouse/results/validation.py", "validated")
"""(file, name) of what decides about the rows of every step after its `build`."""

Build = Callable[..., Result]
"""Called with the Tools and one frame per input, by the inputs' parameter names."""


Columns = Mapping[str, Sequence[tuple[str, str]]]
"""Column of an asset to the (parameter of an input, column of it) whose values its own are made from."""


def same(model: type[Record], *inputs: str) -> Columns:
    """The columns of `model` as rows of `inputs` have them that are passed on; without inputs they are from outside."""
    return {column: [(name, column) for name in inputs] for column in empty(model).columns}


def made(*parents: str, **columns: Sequence[tuple[str, str]]) -> Columns:
    """`columns` of a row that is made, and its id: the hash of what it says and of its `parents`, which are inputs."""
    hashed = [(parent, "id") for parent in parents] + [origin for origins in columns.values() for origin in origins]
    return {"id": list(dict.fromkeys(hashed)), **columns}


@dataclass(frozen=True)
class Most:
    """Upper bounds of a step, whatever its inputs say: rows kept and model calls (None: nothing bounds them)."""

    rows: int
    calls: int | None = 0


@dataclass(frozen=True)
class Settled:
    """The version that an asset should have, and the same as it is stored, if it is."""

    target: Target
    stored: Published | None


@dataclass(frozen=True)
class Step:
    """One asset of the graph.

    `inputs` maps the parameter of `build` to the asset that it reads; `slice` holds the recipe values that the step
    depends on, by path; `kinds` are the tags that the UI shows; `checks` names what `build` checks beside what is
    checked of every asset, with whether a failure blocks everything downstream; `plot` names a picture of the result
    (see assets/reporting/plots.py); `most` bounds what a plan cannot count by running `build` on what is known;
    `too_few` says what a build fails with where no more than so many rows come in, None where it does not; `columns`
    tells of each column what its values are made from, which leaves out what only decides whether there is a row.
    """

    asset: str
    group: str
    description: str
    model: type[Record]
    build: Build
    slice: Mapping[str, Any]
    inputs: Mapping[str, str] = field(default_factory=dict)
    kinds: frozenset[str] = frozenset()
    checks: Mapping[str, bool] = field(default_factory=dict)
    plot: str | None = None
    most: Most | None = None
    too_few: Callable[[int], str | None] | None = None
    columns: Columns = field(default_factory=dict)

    @property
    def code(self) -> dict[str, str]:
        """Digest of the code that decides what this step makes, by file, and of the rules of its rows."""
        rules = f"{self.model.__module__}.{self.model.__name__}"
        return code_digests(self.source, QUARANTINE) | {rules: _rules_digest(self.model)}

    @property
    def source(self) -> Path:
        """The file of `build`."""
        return Path(inspect.getsourcefile(inspect.unwrap(self.build)) or "")

    @property
    def recipe_and_code(self) -> str:
        """Dagster's code version: what makes the step stale without any input having changed."""
        return digest([self.slice, self.code])

    @property
    def every_check(self) -> dict[str, bool]:
        """All checks of the asset, with whether a failure blocks everything downstream."""
        return {SCHEMA: True, LEDGER: True, OPENNESS: True, **self.checks}

    @property
    def blocking(self) -> frozenset[str]:
        """The checks whose failure holds up everything downstream."""
        return frozenset(name for name, blocks in self.every_check.items() if blocks)

    @property
    def calls_model(self) -> bool:
        """Whether a build of it calls a model; whose address, hash and licence are then part of the slice."""
        return any(path.startswith("models.") for path in self.slice)

    @property
    def reads_source(self) -> bool:
        """Whether a build of it reads rows of a source."""
        return any(path.startswith("sources.") for path in self.slice)

    def heeds(self, withdrawals: Withdrawals) -> list[Withdrawn]:
        """What is withdrawn that concerns this step itself, in the order of withdrawal.

        A row concerns all that read sources, since another may say the same text; a source or model those whose slice
        names it. What lies downstream notices by its inputs.
        """
        named = set()
        if withdrawals.materials:
            found = (_withdrawn(path, value, withdrawals) for path, value in self.slice.items())
            named = {one.id for one in found if one}
        if self.reads_source:
            named |= withdrawals.rows.keys()
        return [one for one in withdrawals.entries if one.id in named]

    def target(self, inputs: Mapping[str, str], attempt: int = 0, heeded: Sequence[Withdrawn] = ()) -> Target:
        """What a build would publish, given the inputs' data versions by parameter and the withdrawals that it heeds;
        `attempt` counts retries."""
        withdrawn = {WITHDRAWALS: heeded_digest(heeded)} if heeded else {}
        told = [self.asset, self.slice, self.code, dict(inputs) | withdrawn, *([attempt] if attempt else [])]
        by_asset = {self.inputs[parameter]: version for parameter, version in inputs.items()}
        return Target(self.asset, digest(told), attempt, self.code, dict(self.slice), by_asset | withdrawn)

    def settle(self, inputs: Mapping[str, str], retries: int, catalog: Catalog) -> Settled:
        """The version that the inputs' data versions ask for, and whether it is stored.

        A stored version with rows at which a model failed is asked for once more, up to `retries` times. The last try
        that is stored counts: earlier ones may have been collected, and `retries` may have been more. What is withdrawn
        is part of the version's name, so that none from before is found again.
        """
        heeded = self.heeds(catalog.withdrawals)
        current = catalog.current(self.asset)
        tries = max(retries, current.attempt if current else 0) if self.calls_model else 0
        targets = [self.target(inputs, attempt, heeded) for attempt in range(tries + 1)]
        found = ((target, catalog.find(self.asset, target.version)) for target in reversed(targets))
        target, stored = next(((target, stored) for target, stored in found if stored), (targets[0], None))
        if stored and stored.failed and target.attempt < min(tries, retries):
            return Settled(targets[target.attempt + 1], None)
        return Settled(target, stored)

    def run(self, tools: Tools, frames: Mapping[str, Any]) -> Result:
        """Builds the asset from its inputs' frames. Raises UsesWithdrawn before it reads a source or calls a model."""
        tools.refuse_withdrawn(self.slice)
        return self.build(tools, **frames)


@cache
def _rules_digest(model: type[Record]) -> str:
    columns = model.to_schema().columns
    return digest({name: [str(one.dtype), one.nullable, sorted(map(str, one.checks))] for name, one in columns.items()})


def _withdrawn(path: str, value: Any, withdrawals: Withdrawals) -> Withdrawn | None:
    """By what the model or source at a recipe path ("sources.wiki") is withdrawn."""
    role, _, name = path.partition(".")
    if role not in ("models", "sources") or not isinstance(value, Mapping):
        return None
    material = Material(role[:-1], name, value["address"], value["sha256"], value["licence"])
    return withdrawals.of_material(material.id, material.sha256, material.address)
