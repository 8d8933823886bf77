"""What a leaderboard says beside its numbers: the verdict on each arm, and the limits of the numbers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import polars as pl

from assets.recipe.values import BASE

BASELINE, NOT_COMPARED = "baseline", "not compared"


def metrics_of(standings: pl.DataFrame) -> list[tuple[str, str]]:
    """(benchmark, metric) in the order of the leaderboard."""
    found: list[tuple[str, str]] = standings.select("benchmark", "metric").unique(maintain_order=True).rows()
    return found


def standing_of(row: dict[str, Any], baseline: str) -> str:
    """The verdict of a row, or why it has none: it is the baseline, or has no item in common with it."""
    return str(row["verdict"] or (BASELINE if row["arm"] == baseline else NOT_COMPARED))


def figure(value: float, unit: str, sign: str = "") -> str:
    """A mean or a difference as text; `sign` "+" shows the sign. Percentages have two decimals. Other units have three,
    because mean losses differ in the third."""
    return f"{value:{sign}.{2 if unit == '%' else 3}f}"


def caveats(standings: pl.DataFrame, metrics: Iterable[tuple[str, str]]) -> list[str]:
    """The limits of the numbers, as sentences. `metrics` are those of the recipe, as (benchmark, metric)."""
    found = []
    once = standings.filter((pl.col("seeds") == 1) & (pl.col("arm") != BASE))["arm"].unique(maintain_order=True)
    if len(once):
        found.append(
            f"Trained once: {', '.join(sorted(once))}; the intervals do not cover the variation between trainings."
        )
    scored = metrics_of(standings)
    for benchmark, metric in scored:
        items = standings.filter(benchmark=benchmark, metric=metric)["items"].to_list()
        if min(items) < max(items):
            between = f"{min(items)} to {max(items)} items"
            found.append(
                f"{benchmark}/{metric}: arms have {between}; the mean of an arm is over the items that it has."
            )
    if missing := [f"{benchmark}/{metric}" for benchmark, metric in metrics if (benchmark, metric) not in scored]:
        found.append(f"No score: {', '.join(missing)}.")
    return found
