"""The leaderboard: the mean of every metric per arm over items and training seeds, beside the untouched base."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from assets.recipe import BASE, Recipe
from assets.step import Step, made
from resources.tools import Tools
from warehouse.records import Standing
from warehouse.result import Gate, Result


def rank(scores: Mapping[str, pl.DataFrame]) -> Result:
    """Standings from the score records of each arm, best METEOR first.

    `mean` is in percent; `over_base` is the difference from the base's mean, null for the base itself.
    """
    frame = pl.concat(scores.values())
    means = (
        frame.sort("metric", "arm", "seed", "item")
        .group_by("arm", "metric", maintain_order=True)
        .agg(
            mean=100 * pl.col("value").mean(),
            items=pl.col("item").n_unique(),
            seeds=pl.col("seed").n_unique(),
            parents=pl.col("id"),
        )
    )
    base = dict(means.filter(pl.col("arm") == BASE).select("metric", "mean").rows())
    gate = Gate(Standing, len(means))
    for row in means.sort(["metric", "mean", "arm"], descending=[False, True, False]).iter_rows(named=True):
        gate.keep(
            {
                "arm": row["arm"],
                "metric": row["metric"],
                "mean": row["mean"],
                "items": row["items"],
                "seeds": row["seeds"],
                "over_base": None if row["arm"] == BASE else row["mean"] - base[row["metric"]],
            },
            [(parent, "score") for parent in row["parents"]],
        )
    return gate.result()


def step(recipe: Recipe) -> Step:
    """The asset `leaderboard`."""
    arms = [BASE, *recipe.arms]

    def build(tools: Tools, **frames: pl.DataFrame) -> Result:
        return rank({arm: frames[f"scores_{arm}"] for arm in arms})

    inputs = {f"scores_{arm}": f"scores/{arm}" for arm in arms}
    values = [(name, "value") for name in inputs]
    return Step(
        asset="leaderboard",
        group="evaluation",
        description="The mean of every metric per arm, beside the untouched base.",
        model=Standing,
        build=build,
        slice={"arms": arms},
        inputs=inputs,
        kinds=frozenset({"polars", "duckdb"}),
        plot="scores",
        columns=made(
            *inputs,
            **{column: [(name, column) for name in inputs] for column in ("arm", "metric")},
            mean=values,
            items=[(name, "item") for name in inputs],
            seeds=[(name, "seed") for name in inputs],
            over_base=values,
        ),
    )
