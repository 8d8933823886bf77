"""How long model calls have taken on this machine: the basis of cost estimates."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from warehouse.core.identity import digest
from warehouse.store.calls import Call
from warehouse.store.warehouse import Warehouse


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


def measured_rates(database: Warehouse) -> Rates:
    """The rates over all calls in the memo."""
    units = "CASE kind WHEN 'training' THEN (request->>'count')::BIGINT * (request->>'epochs')::BIGINT ELSE 1 END"
    with database.read() as connection:
        rows = connection.execute(
            f"SELECT kind, model, budget, sum(seconds) / sum({units}) FROM memo.calls WHERE tokens > 0 "
            "GROUP BY GROUPING SETS ((kind, model, budget), (kind, budget), (kind))"
        ).fetchall()
    return Rates({tuple(part for part in place if part is not None): each for *place, each in rows})


@dataclass(frozen=True)
class Speed:
    """Units of work per second, as the mean over `calls`."""

    per_second: float
    calls: int


def measured_speeds(database: Warehouse, models: Collection[str]) -> dict[str, Speed]:
    """How fast calls of these models, or of what was trained from them, were on this machine, by kind of call.

    The units are tokens written for "completion", whose time includes the prompts; tokens read for "training"; and
    calls for "loss" and "embedding". A kind that none of the models was called for is left out. `models` are ids.
    """
    with database.read() as connection:
        trained = connection.execute(
            "SELECT model, response->>'weights' FROM memo.calls WHERE kind = 'training' AND list_contains(?, model)",
            [list(models)],
        ).fetchall()
        ids = [*models, *(digest([base, weights]) for base, weights in trained)]
        rows = connection.execute(
            "SELECT kind, sum(if(kind IN ('completion', 'training'), tokens, 1)) / sum(seconds), count(*) "
            "FROM memo.calls WHERE tokens > 0 AND list_contains(?, model) GROUP BY kind HAVING sum(seconds) > 0",
            [ids],
        ).fetchall()
    return {kind: Speed(per_second, calls) for kind, per_second, calls in rows}


def _units(call: Call) -> int:
    if call.kind != "training":
        return 1
    return int(call.request["count"]) * int(call.request["epochs"])
