"""What determines a version of an asset, what is known of a stored one, and what a run of the asset cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from warehouse.core.identity import text_digest
from warehouse.lineage.reviews import NO_REVIEWS, Reviews
from warehouse.lineage.withdrawals import NONE, Withdrawals
from warehouse.results.checks import blocked_message


@dataclass(frozen=True)
class Effort:
    """What a run of an asset cost: model calls computed and taken from the memo, tokens, and seconds."""

    computed: int = 0
    from_memo: int = 0
    tokens: int = 0
    model_seconds: float = 0.0
    seconds: float = 0.0


WITHDRAWALS = "withdrawals"
"""The key in Target.inputs for the digest of the withdrawals that apply; no asset has this name."""

REVIEWS = "reviews"
"""The key in Target.inputs for the digest of people's decisions that apply; no asset has this name."""

NO_ASSETS = (WITHDRAWALS, REVIEWS)
"""The keys in Target.inputs that are no assets."""


@dataclass(frozen=True)
class Target:
    """Everything that determines the hash of a version: the asset's code (digests by file), its slice of the recipe
    (values by path), the data versions of its inputs (by asset), and how often failed rows were tried again. Where
    withdrawals apply to the asset, `inputs` also has their digest under WITHDRAWALS; of reviews, under REVIEWS."""

    asset: str
    version: str
    attempt: int
    code: dict[str, str]
    recipe: dict[str, Any]
    inputs: dict[str, str]


@dataclass(frozen=True)
class Run:
    """A run of a build: its id, and the whole recipe as JSON."""

    id: str
    recipe: str = "{}"

    @property
    def recipe_digest(self) -> str:
        """SHA-256 of the recipe, as 64 hex digits."""
        return text_digest(self.recipe)


@dataclass(frozen=True)
class Published:
    """A version that is stored in the warehouse.

    `failed` is the number of rows at which a model failed. `failed_checks` has the failed blocking checks with their
    facts; it is empty if none failed.
    """

    asset: str
    version: str
    data_version: str
    kind: str
    attempt: int = 0
    failed: int = 0
    failed_checks: str = ""

    @property
    def fault(self) -> str | None:
        """Why nothing may be built on this version; None if something may."""
        return blocked_message(self.asset, self.failed_checks) if self.failed_checks else None


@dataclass(frozen=True)
class Catalog:
    """A snapshot of the stored versions, the current ones, the withdrawals, and what people decided."""

    stored: Mapping[tuple[str, str], Published]
    published: Mapping[str, Published]
    withdrawals: Withdrawals = NONE
    reviews: Reviews = NO_REVIEWS

    def find(self, asset: str, version: str) -> Published | None:
        """The stored version `version` of `asset`, current or not; None if it is not stored."""
        return self.stored.get((asset, version))

    def current(self, asset: str) -> Published | None:
        """The published version of `asset`, or None before its first build."""
        return self.published.get(asset)
