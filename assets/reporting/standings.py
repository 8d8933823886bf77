"""What a leaderboard says beside its numbers: how each arm stands, and what the numbers leave open."""

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
    """The verdict of a row of a leaderboard, or why it has none: it is the baseline, or shares no item with it."""
    return str(row["verdict"] or (BASELINE if row["arm"] == baseline else NOT_COMPARED))


def figure(value: float, unit: str, sign: str = "") -> str:
    """A mean or a difference ("+" gives it a sign) as it is shown: shares to a hundredth of a percent, else one digit
    more, since a mean loss moves in the third."""
    return f"{value:{sign}.{2 if unit == '%' else 3}f}"


def caveats(standings: pl.DataFrame, metrics: Iterable[tuple[str, str]]) -> list[str]:
    """What a reader must know to trust the numbers no further than they go, a sentence each; `metrics` are those of the
    recipe, as (benchmark, metric)."""
    found = []
    once = standings.filter((pl.col("seeds") == 1) & (pl.col("arm") != BASE))["arm"].unique(maintain_order=True)
    if len(once):
        found.append(f"Trained once: {', '.join(sorted(once))}; the noise of training is not covered.")
    there = metrics_of(standings)
    for benchmark, metric in there:
        items = standings.filter(benchmark=benchmark, metric=metric)["items"].to_list()
        if min(items) < max(items):
            between = f"{min(items)} to {max(items)} items"
            found.append(f"{benchmark}/{metric}: arms have {between}; each mean is over the arm's own items.")
    if lacking := [f"{benchmark}/{metric}" for benchmark, metric in metrics if (benchmark, metric) not in there]:
        found.append(f"No score: {', '.join(lacking)}.")
    return found
