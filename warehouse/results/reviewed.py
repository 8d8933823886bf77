"""Applies reviews to a result: what a person decided about a row comes after what the rules decided.

- A rejected row is dropped where it is made. Later steps never see it.
- An accepted row that the rules rejected is kept, at the end of the kept rows.
- An edited row is replaced where it is made: the old one is dropped, the new one takes its place.

A duplicate stays a duplicate, and a row at which a model failed stays failed. All of this is ours.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from warehouse.core.identity import canonical
from warehouse.lineage.reviews import EDITED, Review
from warehouse.results.result import DECISION_COLUMNS, DROPPED_COLUMNS, EDGE_COLUMNS, Result
from warehouse.schema.bookkeeping import ACCEPT, EDIT, REJECT

REJECTED, ACCEPTED, REPLACED, WRITTEN = BY_PEOPLE = (
    "rejected by a person: ",
    "accepted by a person: ",
    "replaced by an edit: ",
    "edited by a person: ",
)
"""How the reasons of decisions by people begin."""

Row = dict[str, Any]


def reviewed(result: Result, reviews: Sequence[Review], made: Collection[str]) -> Result:
    """`result` with the reviews applied in their order; `made` are the ids of the reviews whose row is made here.

    A review of a row that did not come in changes nothing.
    """
    if not reviews:
        return result
    rows = _Rows.of(result)
    for review in reviews:
        if review.id in made and review.verdict == REJECT:
            rows.drop(review.record, REJECTED + review.reason)
        elif review.id in made and review.verdict == EDIT:
            rows.replace(review)
        elif review.verdict == ACCEPT:
            rows.take(review.record, ACCEPTED + review.reason)
        elif review.verdict == EDIT:
            rows.take(review.edited_id, WRITTEN + review.reason)
    return rows.result(result)


@dataclass
class _Rows:
    """The rows of a result: `kept` in order, `dropped` as JSON, `decisions` about all of them, by id."""

    kept: dict[str, Row]
    dropped: dict[str, str]
    decisions: dict[str, Row]
    edges: list[tuple[str, str, str]]
    edits: int = 0

    @classmethod
    def of(cls, result: Result) -> _Rows:
        return cls(
            {row["id"]: row for row in result.kept.iter_rows(named=True)},
            dict(result.dropped.iter_rows()),
            {row["record"]: row for row in result.decisions.iter_rows(named=True)},
            [],
        )

    def drop(self, record: str, reason: str) -> None:
        """Rejects a kept row."""
        if record in self.kept:
            row = self.kept.pop(record)
            self.dropped[record] = canonical({name: value for name, value in row.items() if name != "id"})
            self._decide(record, "rejected", reason)

    def take(self, record: str, reason: str) -> None:
        """Keeps a row that the rules rejected, if it is whole."""
        decision = self.decisions.get(record)
        if decision is None or decision["outcome"] != "rejected" or decision["reason"].startswith(BY_PEOPLE):
            return
        self.kept[record] = {"id": record, **json.loads(self.dropped.pop(record))}
        self._decide(record, "kept", reason)

    def replace(self, review: Review) -> None:
        """Puts an edited row in the place of the old one, or at the end where the rules did not keep that."""
        new = review.edited_id
        if review.record not in self.decisions or new in self.decisions:
            return
        row = {"id": new, **dict(review.content or {})}
        if review.record in self.kept:
            self.kept = {(new if one == review.record else one): old for one, old in self.kept.items()}
            self.dropped[review.record] = canonical({k: v for k, v in self.kept[new].items() if k != "id"})
            self._decide(review.record, "rejected", REPLACED + review.reason)
        self.kept[new] = row
        self.decisions[new] = dict.fromkeys(DECISION_COLUMNS) | {"record": new}
        self._decide(new, "kept", WRITTEN + review.reason)
        self.edges.append((new, review.record, EDITED))
        self.edits += 1

    def result(self, before: Result) -> Result:
        """The result with what was decided here; kept rows come first and in order."""
        order = [*self.kept, *(one for one in self.decisions if one not in self.kept)]
        return replace(
            before,
            kept=pl.DataFrame([*self.kept.values()], schema=before.kept.schema),
            decisions=pl.DataFrame([self.decisions[one] for one in order], schema=DECISION_COLUMNS),
            dropped=pl.DataFrame([*self.dropped.items()], schema=DROPPED_COLUMNS, orient="row"),
            edges=pl.concat([before.edges, pl.DataFrame(self.edges, schema=EDGE_COLUMNS, orient="row")]),
            incoming=None if before.incoming is None else before.incoming + self.edits,
        )

    def _decide(self, record: str, outcome: str, reason: str) -> None:
        self.decisions[record] = self.decisions[record] | {"outcome": outcome, "reason": reason, "duplicate_of": None}
