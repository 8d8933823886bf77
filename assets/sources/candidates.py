"""A candidate: a row that a selection may take, with what decides its place, and why it is out already, if it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Verdict:
    """Why a candidate is not taken: it is rejected, or quarantined for a fault of the row.

    `value` is what the row has instead of what `where` asks for; it completes the reason."""

    reason: str
    quarantined: bool = False
    score: float | None = None
    cut: float | None = None
    value: str | None = None


@dataclass(frozen=True)
class Candidate:
    """A row as templates read it, and as it is put on record where it is not taken.

    `identity` decides its place in the sample and its templates, `slice_identity` its slice: rows that were one row of
    the source, or that are joined, have the same one. `unusable` says by path what JSON could not hold.
    `index` is its index in the source, where rows are joined.
    """

    row: Mapping[str, object]
    content: Mapping[str, object]
    identity: str
    slice_identity: str
    unusable: Mapping[str, str] = field(default_factory=dict)
    verdict: Verdict | None = None
    index: int = 0

    def out(self, reason: str, quarantined: bool = False) -> Candidate:
        """The candidate with a verdict."""
        return replace(self, verdict=Verdict(reason, quarantined))
