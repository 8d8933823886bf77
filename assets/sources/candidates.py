"""A candidate: a row that a selection may take, with what decides its place, and why it is out already, if it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from warehouse.results.result import Gate


@dataclass(frozen=True)
class Verdict:
    """Why a candidate is not taken: it is rejected, or quarantined for a fault of the row."""

    reason: str
    quarantined: bool = False
    score: float | None = None
    cut: float | None = None


@dataclass(frozen=True)
class Candidate:
    """A row as templates read it, and as it is put on record where it is not taken.

    `identity` decides its place in the sample and its templates, `slice_identity` its slice: rows that were one row of
    the source, or that are joined, have the same one. `unusable` says by path what JSON could not hold.
    """

    row: Mapping[str, object]
    content: Mapping[str, object]
    identity: str
    slice_identity: str
    unusable: Mapping[str, str] = field(default_factory=dict)
    verdict: Verdict | None = None

    def out(self, reason: str, quarantined: bool = False) -> Candidate:
        """The candidate with a verdict."""
        return replace(self, verdict=Verdict(reason, quarantined))

    def put_out(self, gate: Gate, parents: list[tuple[str, str]]) -> None:
        """Put the verdict on record."""
        if self.verdict is None:
            raise ValueError("the candidate has no verdict")
        content = {"row": dict(self.content)}
        if self.verdict.quarantined:
            gate.quarantine(content, self.verdict.reason, parents)
        else:
            gate.reject(content, self.verdict.reason, parents, self.verdict.score, self.verdict.cut)
