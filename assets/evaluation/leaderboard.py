"""The leaderboard: the mean of every metric per arm over items and training seeds, and what a difference is worth.

Each arm is compared with one baseline, on the same items, by a paired bootstrap (see bootstrap.py). A difference is
called better or worse where its p-value, adjusted for the number of arms, is below 1 - confidence; else it is within
the noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from assets.evaluation.bootstrap import Bootstrap, Estimate, Scores, difference, holm, mean
from assets.recipe import BASE, Recipe
from assets.step import Step, made
from resources.tools import Tools
from warehouse.records import BETTER, NOISE, WORSE, Standing
from warehouse.result import Gate, Result

PERCENT = 100


def rank(scores: Mapping[str, pl.DataFrame], baseline: str, settings: Bootstrap) -> Result:
    """Standings from the score records of each arm, best first within a metric.

    `mean` is in percent; `over_baseline` is the difference from the mean of `baseline` over the items that both have,
    null for the baseline itself and where they share no item.
    """
    frame = pl.concat(scores.values()).sort("metric", "arm", "seed", "item")
    rows: list[dict[str, Any]] = []
    for (metric,), found in frame.group_by("metric", maintain_order=True):
        by_arm = {str(arm): part for (arm,), part in found.group_by("arm", maintain_order=True)}
        rows += sorted(
            _standings(str(metric), by_arm, baseline, settings), key=lambda row: (-row["standing"]["mean"], row["arm"])
        )
    gate = Gate(Standing, len(rows))
    for row in rows:
        gate.keep(row["standing"], [(parent, "score") for parent in row["parents"]])
    return gate.result()


def _standings(
    metric: str, by_arm: Mapping[str, pl.DataFrame], baseline: str, settings: Bootstrap
) -> list[dict[str, Any]]:
    against = {
        arm: found
        for arm, part in by_arm.items()
        if arm != baseline and baseline in by_arm and (found := _against(part, by_arm[baseline], settings))
    }
    sure = dict(zip(against, holm([one.p_value for one in against.values()]), strict=True))
    rows = []
    for arm, part in by_arm.items():
        own, over = mean(_matrix(part), settings), against.get(arm)
        standing = {
            "arm": arm,
            "metric": metric,
            "mean": PERCENT * own.mean,
            "low": PERCENT * own.low,
            "high": PERCENT * own.high,
            "items": part["item"].n_unique(),
            "seeds": part["seed"].n_unique(),
            "over_baseline": over and PERCENT * over.mean,
            "over_low": over and PERCENT * over.low,
            "over_high": over and PERCENT * over.high,
            "p_value": sure.get(arm),
            "verdict": over and _verdict(over, sure[arm], settings.confidence),
        }
        rows.append({"arm": arm, "standing": standing, "parents": part["id"].to_list()})
    return rows


def _verdict(over: Estimate, p_value: float, confidence: float) -> str:
    if p_value > 1 - confidence:
        return NOISE
    return BETTER if over.mean > 0 else WORSE


def _against(part: pl.DataFrame, baseline: pl.DataFrame, settings: Bootstrap) -> Estimate | None:
    shared = set(part["item"]) & set(baseline["item"])
    if not shared:
        return None
    own, other = (_matrix(one.filter(pl.col("item").is_in(shared))) for one in (part, baseline))
    return difference(own, other, settings)


def _matrix(part: pl.DataFrame) -> Scores:
    """(seeds, items), both in their order; an item that a seed lacks has the mean of the others' there."""
    wide = part.pivot("seed", index="item", values="value").sort("item").drop("item").to_numpy().T
    return np.where(np.isnan(wide), np.nanmean(wide, axis=0), wide)


def step(recipe: Recipe) -> Step:
    """The asset `leaderboard`."""
    arms, evaluation = [BASE, *recipe.arms], recipe.evaluation
    settings = Bootstrap(evaluation.resamples, evaluation.confidence, recipe.seed)

    def build(tools: Tools, **frames: pl.DataFrame) -> Result:
        return rank({arm: frames[f"scores_{arm}"] for arm in arms}, evaluation.baseline, settings)

    inputs = {f"scores_{arm}": f"scores/{arm}" for arm in arms}
    values = [(name, "value") for name in inputs]
    compared = ("mean", "low", "high", "over_baseline", "over_low", "over_high", "p_value", "verdict")
    counted = {"items": "item", "seeds": "seed", "arm": "arm", "metric": "metric"}
    columns = {column: [(name, origin) for name in inputs] for column, origin in counted.items()}
    columns |= dict.fromkeys(compared, values)
    kept = {column: columns[column] for column in Standing.to_schema().columns if column != "id"}
    return Step(
        asset="leaderboard",
        group="evaluation",
        description=f"The mean of every metric per arm, compared with {evaluation.baseline!r} by a paired bootstrap.",
        model=Standing,
        build=build,
        slice=recipe.slice("seed", "evaluation.baseline", "evaluation.resamples", "evaluation.confidence")
        | {"arms": arms},
        inputs=inputs,
        kinds=frozenset({"polars", "duckdb"}),
        plot="scores",
        columns=made(*inputs, **kept),
    )
