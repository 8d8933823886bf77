"""Benchmark items with what arms answered and what each answer scored, side by side."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import polars as pl

from warehouse.audit.ancestry import Place


@dataclass(frozen=True)
class Answer:
    """What a student of an arm answered; `seed` is its training seed, None for the untouched base. `scores` has what
    the answer got, by metric."""

    arm: str
    seed: int | None
    text: str
    scores: Mapping[str, float]


@dataclass(frozen=True)
class Answered:
    """A benchmark item with its answers: by arm, in the order in which the arms were given, and then by seed."""

    benchmark: str
    item: str
    instruction: str
    input: str
    reference: str
    answers: tuple[Answer, ...]

    def of(self, arm: str) -> tuple[Answer, ...]:
        """The answers of one arm."""
        return tuple(one for one in self.answers if one.arm == arm)


def current_places(connection: duckdb.DuckDBPyConnection) -> list[Place]:
    """All current versions, as (asset, version)."""
    return connection.execute("SELECT asset, version FROM lineage.current").fetchall()


def answered(connection: duckdb.DuckDBPyConnection, places: Collection[Place]) -> pl.DataFrame:
    """What was answered in words in the versions `places`: benchmark, arm and item, each once, sorted."""
    kept = _kept(connection, places, "prediction")
    return connection.execute(f"SELECT DISTINCT benchmark, arm, item FROM ({kept}) ORDER BY ALL").pl()


def answers_to(
    connection: duckdb.DuckDBPyConnection,
    places: Collection[Place],
    benchmark: str,
    arms: Sequence[str],
    items: Collection[str] | None = None,
) -> list[Answered]:
    """The items of a benchmark with the answers and scores of `arms` in the versions `places`.

    Only `items` (ids) if they are given, in the order of the items' first answers. An item that is no longer in the
    warehouse is left out.
    """
    rows = connection.execute(
        f"WITH given AS ({_kept(connection, places, 'prediction')}), scored AS ("
        "SELECT benchmark, arm, seed, item, list(struct_pack(metric, value) ORDER BY metric) AS scores "
        f"FROM ({_kept(connection, places, 'score')}) GROUP BY ALL) "
        "SELECT g.item, i.instruction, i.input, i.reference, g.arm, g.seed, g.text, s.scores FROM given g "
        "JOIN records.benchmark_item i ON i.id = g.item LEFT JOIN scored s ON s.benchmark = g.benchmark "
        "AND s.arm = g.arm AND s.item = g.item AND s.seed IS NOT DISTINCT FROM g.seed "
        "WHERE g.benchmark = $benchmark AND list_contains($arms, g.arm) "
        "AND ($items IS NULL OR list_contains($items, g.item)) ORDER BY list_position($arms, g.arm), g.place, g.item",
        {"benchmark": benchmark, "arms": list(arms), "items": None if items is None else list(items)},
    ).fetchall()
    says: dict[str, tuple[str, str, str]] = {}
    answers: dict[str, list[Answer]] = {}
    for item, instruction, more, reference, arm, seed, text, scores in rows:
        says[item] = (instruction, more, reference)
        found: dict[str, float] = {one["metric"]: one["value"] for one in scores or ()}
        answers.setdefault(item, []).append(Answer(arm, seed, text, found))
    return [
        Answered(benchmark, item, *says[item], answers=tuple(sorted(given, key=lambda one: _place(one, arms))))
        for item, given in answers.items()
    ]


def _place(one: Answer, arms: Sequence[str]) -> tuple[int, int]:
    return arms.index(one.arm), -1 if one.seed is None else one.seed


def _kept(connection: duckdb.DuckDBPyConnection, places: Collection[Place], kind: str) -> str:
    """A query for the kept rows of `kind` in the versions `places`; `place` is their order in their asset."""
    schema: dict[str, Any] = {"asset": pl.String, "version": pl.String}
    connection.register("places", pl.DataFrame(sorted(places), schema=schema, orient="row"))
    return (
        "SELECT r.*, d.position AS place FROM lineage.decisions d SEMI JOIN places USING (asset, version) "
        f"JOIN records.{kind} r ON r.id = d.record WHERE d.outcome = 'kept'"
    )
