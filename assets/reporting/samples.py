"""What a reader of a report wants to see with their own eyes: rows of each training set, and answers side by side."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import polars as pl

from assets.steps import names
from warehouse.audit.ancestry import Place
from warehouse.core.identity import row_seed

ROWS, ITEMS = 5, 5
"""How many rows of a training set, and items of a benchmark, are shown. They are drawn by a hash of their id (ours)."""


@dataclass(frozen=True)
class Answer:
    """What the first student of an arm answered, or the untouched base; `scores` has what it got, by metric."""

    arm: str
    text: str
    scores: Mapping[str, float]


@dataclass(frozen=True)
class Answered:
    """A benchmark item with the answers of all arms, in the order of the study."""

    benchmark: str
    instruction: str
    input: str
    reference: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Curve:
    """The mean loss of each step of a student's training, in nats per token."""

    arm: str
    seed: int
    losses: tuple[float, ...]


def example_rows(
    connection: duckdb.DuckDBPyConnection, places: Collection[Place], arms: Collection[str]
) -> dict[str, list[dict[str, Any]]]:
    """Some pairs of the training set of each of `arms` that is among `places`, by arm."""
    found = {}
    version = dict(places)
    for arm in arms:
        asset = names.training_set(arm)
        if asset in version:
            rows = _kept(connection, "pair", [(asset, version[asset])]).to_dicts()
            found[arm] = _drawn(rows, "id", ROWS)
    return found


def answers(connection: duckdb.DuckDBPyConnection, places: Collection[Place], arms: Collection[str]) -> list[Answered]:
    """Some items of each benchmark that was answered in words, with all answers among `places`."""
    predictions = _kept(connection, "prediction", places)
    scores = _kept(connection, "score", places)
    texts = _first(predictions, "text")
    values: dict[tuple[str, str, str], dict[str, float]] = {}
    for (metric,), part in scores.group_by("metric", maintain_order=True):
        for key, value in _first(part, "value").items():
            values.setdefault(key, {})[str(metric)] = value
    found = []
    for benchmark in predictions["benchmark"].unique(maintain_order=True).sort():
        ids = [{"id": one} for one in predictions.filter(benchmark=benchmark)["item"].unique().sort()]
        for one in _drawn(ids, "id", ITEMS):
            row = connection.execute(
                "SELECT instruction, input, reference FROM records.benchmark_item WHERE id = ?", [one["id"]]
            ).fetchone()
            keys = [(arm, (benchmark, arm, one["id"])) for arm in arms]
            given = tuple(Answer(arm, texts[key], values.get(key, {})) for arm, key in keys if key in texts)
            if row:
                instruction, input_, reference = row
                found.append(Answered(benchmark, instruction, input_, reference, given))
    return found


def curves(connection: duckdb.DuckDBPyConnection, places: Collection[Place], arms: Collection[str]) -> list[Curve]:
    """The losses of the students of `arms` among `places`, in the order of the arms and seeds."""
    version = dict(places)
    assets = [(arm, names.student(arm)) for arm in arms if names.student(arm) in version]
    return [
        Curve(arm, row["seed"], tuple(row["losses"]))
        for arm, asset in assets
        for row in _kept(connection, "checkpoint", [(asset, version[asset])]).iter_rows(named=True)
    ]


def _kept(connection: duckdb.DuckDBPyConnection, kind: str, places: Collection[Place]) -> pl.DataFrame:
    """The kept rows of `kind` in the versions `places`, in the order of assets and rows."""
    schema = {"asset": pl.String, "version": pl.String}
    connection.register("places", pl.DataFrame(sorted(places), schema=schema, orient="row"))
    rows = connection.execute(
        f"SELECT r.* FROM lineage.decisions d SEMI JOIN places USING (asset, version) JOIN records.{kind} r "
        "ON r.id = d.record WHERE d.outcome = 'kept' ORDER BY d.asset, d.position"
    ).pl()
    connection.unregister("places")
    return rows


def _first(rows: pl.DataFrame, column: str) -> dict[tuple[str, str, str], Any]:
    """The values of the first training seed by (benchmark, arm, item)."""
    first = rows.sort("seed", nulls_last=True, maintain_order=True).unique(
        ["benchmark", "arm", "item"], keep="first", maintain_order=True
    )
    return {(one["benchmark"], one["arm"], one["item"]): one[column] for one in first.iter_rows(named=True)}


def _drawn(rows: list[dict[str, Any]], key: str, most: int) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: row_seed("shown", row[key]))[:most]
