"""The answers of two arms to the same items of a benchmark, side by side, with what each scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from assets.steps.names import predictions
from warehouse.store.database import Database


@dataclass(frozen=True)
class Answer:
    """What a student answered; `seed` is its training seed, None for the untouched base. `scores` are by metric."""

    seed: int | None
    text: str
    scores: dict[str, float]


@dataclass(frozen=True)
class Compared:
    """An item of a benchmark with the answers of two arms, each sorted by seed."""

    item: str
    instruction: str
    input: str
    reference: str
    first: tuple[Answer, ...]
    second: tuple[Answer, ...]


def answered(database: Database) -> dict[str, list[str]]:
    """The arms that have answers, by benchmark; both sorted."""
    with database.read() as connection:
        rows = connection.execute(
            "SELECT DISTINCT p.benchmark, p.arm FROM lineage.outcomes o JOIN records.prediction p ON p.id = o.record "
            "WHERE o.outcome = 'kept' ORDER BY ALL"
        ).fetchall()
    found: dict[str, list[str]] = {}
    for benchmark, arm in rows:
        found.setdefault(benchmark, []).append(arm)
    return found


def compared(database: Database, benchmark: str, arms: Sequence[str]) -> list[Compared]:
    """The items of a benchmark that both of two `arms` answered, in the order of the first arm's answers."""
    with database.read() as connection:
        first, second = (_answers(connection, benchmark, arm) for arm in arms)
        both = [item for item in first if item in second]
        says: dict[str, tuple[str, str, str]] = {
            item: (instruction, more, reference)
            for item, instruction, more, reference in connection.execute(
                "SELECT id, instruction, input, reference FROM records.benchmark_item WHERE benchmark = ?", [benchmark]
            ).fetchall()
        }
    return [
        Compared(item, *texts, first=tuple(first[item]), second=tuple(second[item]))
        for item in both
        if (texts := says.get(item))
    ]


def _answers(connection: duckdb.DuckDBPyConnection, benchmark: str, arm: str) -> dict[str, list[Answer]]:
    scores: dict[tuple[str, int | None], dict[str, float]] = {}
    for item, seed, metric, value in connection.execute(
        "SELECT s.item, s.seed, s.metric, s.value FROM lineage.outcomes o JOIN records.score s ON s.id = o.record "
        "WHERE o.outcome = 'kept' AND s.arm = ? ORDER BY s.metric",
        [arm],
    ).fetchall():
        scores.setdefault((item, seed), {})[metric] = value
    found: dict[str, list[Answer]] = {}
    for item, seed, text in connection.execute(
        "SELECT p.item, p.seed, p.text FROM lineage.outcomes o JOIN records.prediction p ON p.id = o.record "
        "WHERE o.outcome = 'kept' AND o.asset = ? ORDER BY o.position",
        [predictions(benchmark, arm)],
    ).fetchall():
        found.setdefault(item, []).append(Answer(seed, text, scores.get((item, seed), {})))
    for answers in found.values():
        answers.sort(key=lambda one: -1 if one.seed is None else one.seed)
    return found
