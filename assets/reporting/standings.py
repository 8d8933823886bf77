"""What a leaderboard says beside its numbers: the verdict on each arm, and the limits of the numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from assets.recipe.values import BASE
from assets.reporting.overlaps import Overlap

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


def caveats(
    standings: pl.DataFrame,
    metrics: Iterable[tuple[str, str]],
    detectable: Mapping[str, float] | None = None,
    overlaps: Iterable[Overlap] = (),
) -> list[str]:
    """The limits of the numbers, as sentences. `metrics` are those of the recipe, as (benchmark, metric).

    `detectable` are the smallest differences that would be found, by "benchmark/metric" (see the leaderboard).
    `overlaps` are those of the baseline's training set with the others."""
    found = []
    if compared := standings.filter(pl.col("verdict").is_not_null())["arm"].n_unique():
        arms = f"{compared} arm{'s' if compared > 1 else ''}"
        found.append(f"Verdicts and intervals of differences are adjusted over {arms}, and not over metrics.")
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
    for benchmark, metric in scored:
        if least := (detectable or {}).get(f"{benchmark}/{metric}"):
            unit = standings.filter(benchmark=benchmark, metric=metric)["unit"][0]
            shown = f"{figure(least, unit)} {unit}"
            found.append(
                f"{benchmark}/{metric}: a study of this size finds a true difference of {shown} 4 times in 5, and "
                "smaller ones less often."
            )
    if shared := [f"{one.other} {one.rows} of {one.other_size}" for one in overlaps]:
        found.append(f"Rows that an arm has in common with the baseline: {', '.join(shared)}.")
    if missing := [f"{benchmark}/{metric}" for benchmark, metric in metrics if (benchmark, metric) not in scored]:
        found.append(f"No score: {', '.join(missing)}.")
    return found
