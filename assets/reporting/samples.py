"""What a reader of a report wants to see with their own eyes: rows of each training set, and answers side by side."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import duckdb
import polars as pl

from assets.steps import names
from warehouse.audit.ancestry import Place
from warehouse.audit.answered import Answered, answered, answers_to
from warehouse.core.identity import row_seed

ROWS, ITEMS = 5, 5
"""How many rows of a training set, and items of a benchmark, are shown. They are drawn by a hash of their id (ours)."""


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


def answers(connection: duckdb.DuckDBPyConnection, places: Collection[Place], arms: Sequence[str]) -> list[Answered]:
    """Some items of each benchmark that was answered in words, with the first answer of each arm among `places`."""
    given = answered(connection, places)
    found = []
    for benchmark in given["benchmark"].unique().sort():
        ids = [{"id": one} for one in given.filter(benchmark=benchmark)["item"].unique()]
        drawn = [one["id"] for one in _drawn(ids, "id", ITEMS)]
        of_item = {one.item: one for one in answers_to(connection, places, benchmark, arms, drawn)}
        found += [_of_first_seeds(of_item[one], arms) for one in drawn if one in of_item]
    return found


def _of_first_seeds(one: Answered, arms: Sequence[str]) -> Answered:
    return replace(one, answers=tuple(answer for arm in arms for answer in one.of(arm)[:1]))


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


def _drawn(rows: list[dict[str, Any]], key: str, most: int) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: row_seed("shown", row[key]))[:most]
