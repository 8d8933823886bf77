"""How long model calls have taken on this machine: the basis of cost estimates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from warehouse.store.database import Database
from warehouse.store.memo import Call


@dataclass(frozen=True)
class Rates:
    """Mean seconds of a unit of work: of a call, or of an example and epoch where a call is a training run.

    The keys are (kind, model, budget), (kind, budget) and (kind); the most specific one that exists counts for a call.
    A call's seconds are its share of the batch that it was computed in, so a batch of few rows takes longer than
    estimated.
    """

    seconds: dict[tuple[str | int, ...], float]

    def estimate(self, calls: Iterable[Call]) -> float | None:
        """Seconds that the calls would take; None if some call's kind was never measured."""
        total = 0.0
        for call in calls:
            places = ((call.kind, call.model, call.budget), (call.kind, call.budget), (call.kind,))
            each = next((self.seconds[place] for place in places if place in self.seconds), None)
            if each is None:
                return None
            total += each * _units(call)
        return total


def measured_rates(database: Database) -> Rates:
    """The rates over all calls in the memo."""
    units = "CASE kind WHEN 'training' THEN (request->>'count')::BIGINT * (request->>'epochs')::BIGINT ELSE 1 END"
    with database.read() as connection:
        rows = connection.execute(
            f"SELECT kind, model, budget, sum(seconds) / sum({units}) FROM memo.calls WHERE tokens > 0 "
            "GROUP BY GROUPING SETS ((kind, model, budget), (kind, budget), (kind))"
        ).fetchall()
    return Rates({tuple(part for part in place if part is not None): each for *place, each in rows})


def _units(call: Call) -> int:
    if call.kind != "training":
        return 1
    return int(call.request["count"]) * int(call.request["epochs"])
