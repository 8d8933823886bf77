"""Keep benchmark text out of all training data, and prove it.

Roles that share a source draw from disjoint slices, so that no source row has two roles. The same text can still occur
twice: a source may contain it twice, and a model may write it. Such rows are rejected if they are equal to benchmark
text after normalizing. This check does not find paraphrases.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import polars as pl

from assets.recipe.columns import Shared
from assets.recipe.materials import ReadingPart
from assets.recipe.types import Selection
from assets.sources.seeding import ALONE, AS_FOUND, Role, select
from resources.tools.tools import Tools
from warehouse.core.texts import normalized
from warehouse.results.result import Check, Gate, Result

CHECK = "leakage"
REASON = "text of a benchmark item"


def benchmark_texts(items: pl.DataFrame) -> frozenset[str]:
    """The normalized instructions and references of benchmark items."""
    return frozenset(normalized(text) for column in ("instruction", "reference") for text in items[column] if text)


def leaking(texts: Iterable[str], forbidden: frozenset[str]) -> frozenset[str]:
    """The normalized `texts` that are also in `forbidden`."""
    return forbidden & {normalized(text) for text in texts}


def select_without_benchmark_text(
    role: Role,
    texts: Sequence[str],
    selections: Sequence[Selection],
    items: pl.DataFrame,
    tools: Tools,
    seed: int,
    reading: Mapping[str, ReadingPart] = AS_FOUND,
    ways: Mapping[str, Shared] = ALONE,
) -> Result:
    """The rows of a role without text of the benchmark `items` in the fields `texts`, with a check that proves it."""
    forbidden = benchmark_texts(items)

    def refused(row: Mapping[str, str]) -> str | None:
        return REASON if leaking((row[name] for name in texts), forbidden) else None

    gate = select(role, selections, tools.source_file, seed, refused, tools.withdrawals(), reading, ways)
    return with_leakage_check(gate, texts, items)


def with_leakage_check(gate: Gate, texts: Sequence[str], items: pl.DataFrame) -> Result:
    """The result of `gate`, with a check that no kept row has text of the benchmark `items` in the fields `texts`."""
    kept = gate.result().kept
    leaked = leaking((text for name in texts for text in kept[name]), benchmark_texts(items))
    facts = {"rows": len(kept), "benchmark items": len(items), "texts in both": len(leaked)}
    return gate.result(checks=[Check(CHECK, not leaked, facts)])
