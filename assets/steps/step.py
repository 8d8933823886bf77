"""A step: one asset as a plain value. Its Dagster asset, its version and its plan follow from it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from assets.steps.code_digest import code_digests
from resources.tools.tools import Tools
from warehouse.core.identity import digest
from warehouse.lineage.material import Material, Role
from warehouse.lineage.reviews import Review, Reviews, reviews_digest
from warehouse.lineage.withdrawals import Withdrawals, Withdrawn, applied_digest
from warehouse.results.checks import LEDGER, OPENNESS, SCHEMA
from warehouse.results.result import Result
from warehouse.results.reviewed import reviewed
from warehouse.results.shortage import TooFewRows
from warehouse.schema.records import Pair, Record, empty
from warehouse.store.published import REVIEWS, WITHDRAWALS, Catalog, Published, Target

QUARANTINE = ("warehouse/results/validation.py", "validated")
"""(file, name) of what decides about the rows of every step after its `build`."""

PROTOCOLS = tuple(
    ("resources/models/protocol.py", name)
    for name in ("COMPLETION", "EMBEDDING", "ENDPOINT_COMPLETION", "LOSS", "TRAINING")
)
"""(file, name) of the numbers that say how models are asked. Raising one makes every step stale that calls a model."""

ANSWERS = (("resources/models/thoughts.py", "read"), ("resources/models/thoughts.py", "until"))
"""(file, name) of how the text of a model is split into thoughts and answer, which decides rows of every such step."""

Build = Callable[..., Result]
"""Called with the Tools and one frame per input, by the inputs' parameter names."""


Columns = Mapping[str, Sequence[tuple[str, str]]]
"""Column of an asset to the columns that its values are made from, as (parameter of an input, column of that input)."""


def same(model: type[Record], *inputs: str) -> Columns:
    """The columns of `model` in rows passed on unchanged from `inputs`; without inputs they come from outside."""
    return {column: [(name, column) for name in inputs] for column in empty(model).columns}


def made(*parents: str, **columns: Sequence[tuple[str, str]]) -> Columns:
    """`columns` of a new row, and its id: the hash of its content and of its parents' ids; `parents` are inputs."""
    hashed = [(parent, "id") for parent in parents] + [origin for origins in columns.values() for origin in origins]
    return {"id": list(dict.fromkeys(hashed)), **columns}


@dataclass(frozen=True)
class Most:
    """Upper bounds that hold for any inputs: rows kept and model calls (None: nothing bounds them).

    `by_row`: the calls for a row depend on no other row, and are most for a placeholder answer. So a plan counts them.

    Calls that are made once more are not counted: those in which a stop string or a verdict's few tokens ended a
    thought, or a line was only a preamble (see assets/prompting/one_line.py and verdicts.py)."""

    rows: int
    calls: int | None = 0
    by_row: bool = False


@dataclass(frozen=True)
class Rounds:
    """What a step builds in rounds, before the assets are built themselves (see assets/generation/rounds.py).

    `inner` are the steps of these assets, in order. `most` has the assets whose rows are drawn in these rounds: for
    each the asset that it draws from, and the most rows that it draws. There are at most `times` rounds. In each of
    them a step of `renewed` may make other calls than before, where any other makes those for its new rows."""

    inner: tuple[Step, ...]
    most: Mapping[str, tuple[str, int]]
    times: int
    renewed: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Settled:
    """The version that an asset should have; `stored` is that version in the warehouse, None if it is not there."""

    target: Target
    stored: Published | None


@dataclass(frozen=True)
class Step:
    """One asset of the graph.

    `inputs` maps each parameter of `build` to the asset that it reads. `slice` holds the recipe values that the step
    depends on, by path. `group` is its stage (see assets/__init__.py); `kinds` are tags that the UI shows. `checks` are
    the checks that `build` makes beside those of every asset; the value says whether a failure blocks everything
    downstream. `plot` is the name of a picture of the result (see assets/reporting/plots.py). `most` bounds what a plan
    cannot count by running `build` on known rows. `too_few` gets the number of rows that may come in at most, and
    returns the error that a build fails with if they are too few, else None. `columns` says what the values of each
    column are made from; what only decides whether there is a row is left out. `remedies` gives the recipe key that
    decides about a rejection, by the start of its reason; "" is for all other reasons. `one_each`: without a model call
    it makes one row for each that comes in.
    `rounds` are the steps that `build` runs as well, so that their code counts too.
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
    too_few: Callable[[int], TooFewRows | None] | None = None
    columns: Columns = field(default_factory=dict)
    remedies: Mapping[str, str] = field(default_factory=dict)
    rounds: Rounds | None = None
    one_each: bool = False

    @property
    def code(self) -> dict[str, str]:
        """Digests of the code that decides what this step makes, by file, and of the rules of its rows."""
        inner = self.rounds.inner if self.rounds else ()
        asked = (*PROTOCOLS, *ANSWERS) if self.calls_model else ()
        digests = code_digests(self.source, QUARANTINE, *asked, also=tuple(one.source for one in inner))
        models = [self.model, *(one.model for one in inner)]
        return digests | {f"{model.__module__}.{model.__name__}": _rules_digest(model) for model in models}

    @property
    def source(self) -> Path:
        """The file of `build`."""
        return Path(inspect.getsourcefile(inspect.unwrap(self.build)) or "")

    @property
    def recipe_and_code(self) -> str:
        """Dagster's code version: it changes when the step becomes stale although no input changed."""
        return digest([self.slice, self.code])

    @property
    def every_check(self) -> dict[str, bool]:
        """All checks of the asset, with whether a failure blocks everything downstream."""
        return {SCHEMA: True, LEDGER: True, OPENNESS: True, **self.checks}

    @property
    def blocking(self) -> frozenset[str]:
        """The checks whose failure blocks everything downstream."""
        return frozenset(name for name, blocks in self.every_check.items() if blocks)

    @property
    def calls_model(self) -> bool:
        """Whether its build calls a model. The model's address, hash and licence are then part of the slice."""
        return any(path.startswith("models.") for path in self.slice)

    @property
    def reads_source(self) -> bool:
        """Whether its build reads rows of a source."""
        return any(path.startswith("sources.") for path in self.slice)

    def applicable_withdrawals(self, withdrawals: Withdrawals) -> list[Withdrawn]:
        """The withdrawals that apply to this step itself, in the order of withdrawal.

        A withdrawn row applies to all steps that read sources, because another row may have the same text. A withdrawn
        source or model applies to the steps whose slice contains it. Steps downstream change through their inputs.
        """
        applicable = set()
        if withdrawals.materials:
            found = (_withdrawn(path, value, withdrawals) for path, value in self.slice.items())
            applicable = {one.id for one in found if one}
        if self.reads_source:
            applicable |= withdrawals.rows.keys()
        return [one for one in withdrawals.entries if one.id in applicable]

    def applicable_reviews(self, reviews: Reviews) -> list[Review]:
        """What people decided that applies to this step itself, or to one that it builds in rounds.

        A decision applies where its row is made. Where an arm filters the row, one that keeps it applies too, so that
        no filter drops it. Duplicates, leaks and the size of a training set are no matter of a decision.
        """
        steps = (self, *(self.rounds.inner if self.rounds else ()))
        return [one for one in reviews.entries if any(step.makes(one) or step.filters(one) for step in steps)]

    def makes(self, review: Review) -> bool:
        """Whether this step makes the row of a review."""
        return self.model is Pair and self.asset in review.makers

    def filters(self, review: Review) -> bool:
        """Whether this step is the filter of an arm, and gets a row that a person wants to keep."""
        reads = not set(review.makers).isdisjoint(self.inputs.values())
        return self.model is Pair and self.group == "enhancement" and reads and review.keeps

    def target(
        self,
        inputs: Mapping[str, str],
        attempt: int = 0,
        withdrawn: Sequence[Withdrawn] = (),
        reviews: Sequence[Review] = (),
    ) -> Target:
        """What a build would publish, given the inputs' data versions by parameter and the `withdrawn` and `reviews`
        that apply; `attempt` counts retries."""
        applied = {WITHDRAWALS: applied_digest(withdrawn)} if withdrawn else {}
        applied |= {REVIEWS: reviews_digest(reviews)} if reviews else {}
        hashed = [self.asset, self.slice, self.code, dict(inputs) | applied, *([attempt] if attempt else [])]
        by_asset = {self.inputs[parameter]: version for parameter, version in inputs.items()}
        return Target(self.asset, digest(hashed), attempt, self.code, dict(self.slice), by_asset | applied)

    def settle(self, inputs: Mapping[str, str], retries: int, catalog: Catalog) -> Settled:
        """The version that follows from the inputs' data versions, and whether it is stored.

        A stored version with rows at which a model failed is built again, up to `retries` times. The last stored
        attempt counts: earlier ones may have been collected, and `retries` may have been higher before. Withdrawals
        and reviews that apply are part of the version, so a version from before them is not found again.
        """
        withdrawn, reviews = self.applicable_withdrawals(catalog.withdrawals), self.applicable_reviews(catalog.reviews)
        current = catalog.current(self.asset)
        attempts = max(retries, current.attempt if current else 0) if self.calls_model else 0
        targets = [self.target(inputs, attempt, withdrawn, reviews) for attempt in range(attempts + 1)]
        found = ((target, catalog.find(self.asset, target.version)) for target in reversed(targets))
        target, stored = next(((target, stored) for target, stored in found if stored), (targets[0], None))
        if stored and stored.failed and target.attempt < min(attempts, retries):
            return Settled(targets[target.attempt + 1], None)
        return Settled(target, stored)

    def run(self, tools: Tools, frames: Mapping[str, Any]) -> Result:
        """Builds the asset from its inputs' frames, and applies what people decided about its rows.

        Raises UsesWithdrawn before it reads a source or calls a model."""
        tools.refuse_withdrawn(self.slice)
        result = self.build(tools, **frames)
        if self.model is not Pair:
            return result
        applicable = [one for one in tools.reviews().entries if self.makes(one) or self.filters(one)]
        return reviewed(result, applicable, frozenset(one.id for one in applicable if self.makes(one)))


@cache
def _rules_digest(model: type[Record]) -> str:
    columns = model.to_schema().columns
    return digest({name: [str(one.dtype), one.nullable, sorted(map(str, one.checks))] for name, one in columns.items()})


def _withdrawn(path: str, value: Any, withdrawals: Withdrawals) -> Withdrawn | None:
    """The withdrawal of the model or source at a recipe path ("sources.wiki"), None if it is not withdrawn."""
    role, _, name = path.partition(".")
    if role not in ("models", "sources") or not isinstance(value, Mapping):
        return None
    kind: Role = "model" if role == "models" else "source"
    material = Material(kind, name, value["licence"], address=value["address"], sha256=value["sha256"])
    return withdrawals.of_material(material.id, material.sha256, material.address)
