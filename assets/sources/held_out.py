"""Keep benchmark text out of all training data, and prove it.

Roles that share a source draw from disjoint slices, so that no source row has two roles. The same text can still occur
twice: a source may contain it twice, and a model may write it. Such rows are rejected (see leaks.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from assets.recipe.columns import Shared
from assets.recipe.materials import ReadingPart
from assets.recipe.selections import Selection
from assets.sources.judging import Role
from assets.sources.leaks import REASON, Leaks
from assets.sources.seeding import ALONE, AS_FOUND, select
from resources.tools.tools import Tools
from warehouse.results.result import Check, Result

CHECK = "leakage"


def select_without_benchmark_text(
    role: Role,
    texts: Sequence[str],
    selections: Sequence[Selection],
    items: pl.DataFrame,
    tools: Tools,
    seed: int,
    reading: Mapping[str, ReadingPart] = AS_FOUND,
    ways: Mapping[str, Shared] = ALONE,
    at_most: int = 0,
) -> Result:
    """The rows of a role without text of the benchmark `items` in the fields `texts`, with a check that proves it.

    The other arguments are those of `seeding.select`.
    """
    leaks = Leaks(items)

    def refused(row: Mapping[str, str]) -> str | None:
        return REASON if leaks.item({name: row[name] for name in texts}) else None

    gate = select(role, selections, tools.source_file, seed, refused, tools.withdrawals(), reading, ways, at_most)
    kept = gate.result().kept
    leaked = leaks.holding(kept.select(texts))
    facts = {"rows": len(kept), "benchmark items": len(items), "rows that hold text of it": leaked}
    return gate.result(checks=[Check(CHECK, not leaked, facts)])
