"""Reviews: what people decided about rows, who they are, when and why. Builds apply them (see results/reviewed.py)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from warehouse.core.identity import digest, record_id
from warehouse.schema.bookkeeping import ACCEPT, CLEAR, EDIT

RULES = 1
"""The number of the way in which reviews are applied, which is part of a version with reviews: raise it when
results/reviewed.py decides otherwise."""

EDITED = "edited"
"""The role of the old row among the parents of an edited one."""


@dataclass(frozen=True)
class Review:
    """A row of lineage.reviews. `content` is what an edited record says, without its id; else None."""

    id: str
    record: str
    kind: str
    verdict: str
    content: Mapping[str, Any] | None
    makers: tuple[str, ...]
    reviewer: str
    reason: str
    reviewed_at: datetime

    @property
    def keeps(self) -> bool:
        """Whether the person wants to keep a row: the one that is reviewed, or the edited one."""
        return self.verdict in (ACCEPT, EDIT)

    @property
    def edited_id(self) -> str:
        """The id of the record that an edit makes; its parent is the old one."""
        return record_id(self.kind, dict(self.content or {}), [(self.record, EDITED)])

    @property
    def effect(self) -> list[Any]:
        """What a build does with it, which is part of a version; who decided it, and when, is not."""
        return [self.record, self.verdict, self.content, self.reason]


@dataclass(frozen=True)
class Reviews:
    """All reviews in the order in which they were made. `entries` are the latest of each record, without those that
    were taken back; `history` has all of them."""

    entries: tuple[Review, ...] = ()
    history: tuple[Review, ...] = ()


NO_REVIEWS = Reviews()


def reviews_digest(applied: Sequence[Review]) -> str:
    """The digest of the reviews that were applied to a version. Equal decisions have an equal digest."""
    return digest([RULES, *(one.effect for one in applied)])


def read_reviews(connection: duckdb.DuckDBPyConnection) -> Reviews:
    """All reviews in the warehouse behind `connection`."""
    rows = connection.execute(
        "SELECT id, record, kind, verdict, content, makers, reviewer, reason, reviewed_at FROM lineage.reviews "
        "ORDER BY reviewed_at, id"
    ).fetchall()
    history = tuple(
        Review(
            row_id,
            record,
            kind,
            verdict,
            json.loads(content) if content else None,
            tuple(json.loads(makers)),
            reviewer,
            reason,
            at,
        )
        for row_id, record, kind, verdict, content, makers, reviewer, reason, at in rows
    )
    latest = {one.record: one for one in history}
    entries = tuple(one for one in history if latest[one.record] is one and one.verdict != CLEAR)
    return Reviews(entries, history)
