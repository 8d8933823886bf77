"""The mean scores of an arm for each part of a benchmark, such as recipes and encyclopedia articles.

An arm whose texts resemble one part may be better on that part alone. The part of an item is the source that it comes
from, or what its field `details` says where the benchmark has `parts: details`. The means have no interval and no
verdict: parts have few items. Only the LARGEST parts stand alone, the others together (ours).

Worked example: scores of 0.2 and 0.4 on two recipes and of 0.6 on an article have the mean 0.4; by part, recipes have
0.3 and articles 0.6.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import polars as pl

from assets.recipe.types import Recipe

SOURCE, DETAILS = "source", "details"
LARGEST = 20
OTHERS = "others"

Parts = dict[str, dict[str, Any]]
"""By "benchmark/metric": under "items" the number of items of each part, under "means" the means by arm and part."""


def by_details(recipe: Recipe) -> list[str]:
    """The benchmarks whose items are told apart by their field `details`."""
    chosen = {name: getattr(recipe.evaluation.settings(name), "parts", SOURCE) for name in recipe.benchmarks}
    return [name for name, part in chosen.items() if part == DETAILS]


def parts_of(origins: pl.DataFrame, detailed: list[str]) -> dict[str, str]:
    """The part of each item (columns id, benchmark, details, source); `detailed` as `by_details` has them."""
    return {
        row["id"]: row["details"] if row["benchmark"] in detailed else row["source"]
        for row in origins.iter_rows(named=True)
    }


def means_by_part(scores: pl.DataFrame, part_of: Mapping[str, str], scales: Mapping[tuple[str, str], float]) -> Parts:
    """The means of every metric whose items have at least two parts; an item counts once, over all training seeds.

    Scores have the columns benchmark, metric, arm, item and value; `scales` multiply them, by benchmark and metric."""
    found: Parts = {}
    known = scores.filter(pl.col("item").is_in([*part_of]))
    for (benchmark, metric), own in known.sort("benchmark", "metric").group_by(
        "benchmark", "metric", maintain_order=True
    ):
        items = Counter(part_of[item] for item in own["item"].unique())
        if len(items) < 2:
            continue
        alone = sorted(items, key=lambda part: (-items[part], part))[:LARGEST]
        shown = {item: part if part in alone else OTHERS for item, part in part_of.items()}
        of_item = own.group_by("arm", "item").agg(pl.col("value").mean())
        of_part = of_item.with_columns(part=pl.col("item").replace_strict(shown)).group_by("arm", "part")
        means: dict[str, dict[str, float]] = {}
        for arm, part, value in of_part.agg(pl.col("value").mean()).sort("arm", "part").iter_rows():
            means.setdefault(arm, {})[part] = scales[str(benchmark), str(metric)] * value
        counted = Counter(shown[item] for item in own["item"].unique())
        found[f"{benchmark}/{metric}"] = {"items": dict(sorted(counted.items())), "means": means}
    return found
