"""The content of a report on the current leaderboard, read from the warehouse alone, without the recipe file."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import polars as pl

from assets.evaluation.ablations import SERIES, Series
from assets.evaluation.facts import Facts
from assets.evaluation.leaderboard import BESIDE, BY_PART, DETECTABLE
from assets.evaluation.parts import Parts
from assets.recipe.values import BASE
from assets.reporting.overlaps import Overlap, overlaps_behind
from assets.reporting.samples import Curve, answers, curves, example_rows
from assets.steps import names
from warehouse.audit.ancestry import Ancestry, Place
from warehouse.audit.answered import Answered
from warehouse.audit.cost import Cost, costs
from warehouse.audit.ledger import Entry, ledger
from warehouse.audit.versions import ancestry_of_version, with_upstream
from warehouse.core.errors import UserError
from warehouse.results.result import WARNINGS
from warehouse.store.versions import Store
from warehouse.store.warehouse import Warehouse

LEADERBOARD = "leaderboard"
DATA, TRAINING, EVALUATION = "data", "training", "evaluation"


@dataclass(frozen=True)
class Arm:
    """An arm or the untouched base: pairs in its training set (None for the base), and its cost by stage.

    `facts` are those beside its scores, by benchmark (see assets/evaluation/facts.py), `parts` its means by part, by
    "longform/rouge_l"."""

    name: str
    rows: int | None
    costs: dict[str, Cost]
    facts: dict[str, dict[str, float]]
    parts: dict[str, dict[str, float]]


@dataclass(frozen=True)
class Study:
    """A leaderboard and everything that it was made from.

    `metrics` has the description of each metric, by ("longform", "rouge_l") (see Metric). `detectable` are the smallest
    differences that would be found, by "longform/rouge_l" (see the leaderboard). `quality` has what is measured of each
    training set now, by arm. `overlaps` says which of the leaderboard's training sets share rows. `facts` are shown
    beside the scores, `warnings` below them; `parts` has the means of each part of a benchmark. `ledger` has the
    entries of all versions that the leaderboard was made from. `materials` has what these name in the recipe, too, so
    that what only measured or embedded is there. `examples` has some rows of each training set, `answers` some items
    with the answers of all arms, and `curves` the losses of each training (see samples.py). `recipe` is the whole
    recipe of the build, with all defaults.
    """

    built: datetime
    version: str
    recipe: dict[str, Any]
    recipe_digest: str
    standings: pl.DataFrame
    metrics: dict[tuple[str, str], dict[str, Any]]
    detectable: dict[str, float]
    quality: dict[str, pl.DataFrame]
    overlaps: list[Overlap]
    facts: Facts
    warnings: list[str]
    parts: Parts
    series: list[Series]
    arms: list[Arm]
    ledger: list[Entry]
    materials: Ancestry
    examples: dict[str, list[dict[str, Any]]]
    answers: list[Answered]
    curves: list[Curve]

    @property
    def students(self) -> list[str]:
        """The arms that have a student: all but the untouched base."""
        return [arm.name for arm in self.arms if arm.name != BASE]


def study(database: Warehouse) -> Study:
    """The study of the current leaderboard. Raises UserError if none was built."""
    opened = Store(database)
    board = opened.current(LEADERBOARD)
    if board is None:
        raise UserError(f"no leaderboard was built in {database.folder}; build it, or name another with --warehouse")
    standings, named, notes = opened.read(board), opened.target_of(board), opened.facts(board)["notes"]
    with database.read() as connection:
        built, digest, recipe = _made(connection, board.version)
        places = set(with_upstream(connection, LEADERBOARD, board.version))
        arms = [_arm(connection, arm, places, notes) for arm in named.recipe["arms"]]
        materials = ancestry_of_version(connection, LEADERBOARD, board.version)
        names_of_arms = [arm.name for arm in arms]
        examples = example_rows(connection, places, names_of_arms)
        answered = answers(connection, places, names_of_arms)
        losses = curves(connection, places, names_of_arms)
    return Study(
        built,
        board.version,
        json.loads(recipe),
        digest,
        standings,
        {(key.split("/")[0], key.split("/")[1]): one for key, one in named.recipe["metrics"].items()},
        notes.get(DETECTABLE, {}),
        quality_of(opened, named.recipe["arms"]),
        overlaps_behind(opened, board, named.recipe["arms"]),
        notes.get(BESIDE, {}),
        notes.get(WARNINGS, []),
        notes.get(BY_PART, {}),
        [
            Series(one["by"], tuple((arm, value) for arm, value in one["arms"]), one.get("of", ""))
            for one in named.recipe.get(SERIES, [])
        ],
        arms,
        [entry for entry in ledger(database, every_version=True) if (entry.asset, entry.version) in places],
        materials,
        examples,
        answered,
        losses,
    )


def quality_of(opened: Store, arms: Iterable[str]) -> dict[str, pl.DataFrame]:
    """What is measured now of the training sets of `arms`, by arm, for those that are built."""
    catalog = opened.catalog()
    built = {arm: catalog.current(names.quality(arm)) for arm in arms}
    return {arm: opened.read(published) for arm, published in built.items() if published}


def _made(connection: duckdb.DuckDBPyConnection, version: str) -> tuple[datetime, str, str]:
    """(time, digest of the recipe, recipe) of the last run that published the leaderboard."""
    row = connection.execute(
        "SELECT m.finished_at, m.recipe, r.recipe FROM lineage.materializations m JOIN lineage.recipes r "
        "ON m.recipe = r.digest WHERE asset = ? AND version = ? ORDER BY finished_at DESC LIMIT 1",
        [LEADERBOARD, version],
    ).fetchone()
    if row is None:
        raise UserError("no run of the leaderboard is stored; build it again")
    return row[0], row[1], row[2]


def _arm(connection: duckdb.DuckDBPyConnection, name: str, places: set[Place], notes: dict[str, Any]) -> Arm:
    version_of = dict(places)
    trained = names.training_set(name)
    stages: dict[str, set[Place]] = {}
    if trained in version_of:
        stages[DATA] = set(with_upstream(connection, trained, version_of[trained]))
    stages[TRAINING] = {place for place in places if place[0] == names.student(name)}
    stages[EVALUATION] = {place for place in places if place[0].count("/") == 2 and place[0].endswith(f"/{name}")}
    row = connection.execute(
        "SELECT count(*) FROM lineage.decisions WHERE asset = ? AND version = ? AND outcome = 'kept'",
        [trained, version_of.get(trained, "")],
    ).fetchone()
    rows = row[0] if row and trained in version_of else None
    facts = {benchmark: by_arm[name] for benchmark, by_arm in notes.get(BESIDE, {}).items() if name in by_arm}
    parts = {metric: one["means"][name] for metric, one in notes.get(BY_PART, {}).items() if name in one["means"]}
    return Arm(name, rows, {DATA: Cost(), **costs(connection, stages)}, facts, parts)
