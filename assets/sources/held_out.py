"""Keeps benchmark text out of everything that trains, and proves it.

Rows cannot meet by construction, since roles that share a source draw from disjoint slices. Texts can: a source may
say the same twice, and a model may write what the benchmark asks. Such rows are rejected, equal after normalizing;
paraphrases are not looked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import polars as pl

from assets.recipe.types import Selection
from assets.sources.seeding import Role, select
from resources.tools.tools import Tools
from warehouse.core.texts import normalized
from warehouse.results.result import Check, Gate, Result

CHECK = "leakage"
REASON = "text of a benchmark item"


def held_out(items: pl.DataFrame) -> frozenset[str]:
    """The normalized instructions and references of benchmark items."""
    return frozenset(normalized(text) for column in ("instruction", "reference") for text in items[column] if text)


def leaking(texts: Iterable[str], taken: frozenset[str]) -> frozenset[str]:
    """Which of `texts` are held out, normalized."""
    return taken & {normalized(text) for text in texts}


def select_apart(
    role: Role,
    texts: Sequence[str],
    selections: Sequence[Selection],
    items: pl.DataFrame,
    tools: Tools,
    seed: int,
) -> Result:
    """The rows of a role whose fields `texts` are no text of the benchmark `items`, with the check that proves it."""
    taken = held_out(items)

    def refused(row: Mapping[str, str]) -> str | None:
        return REASON if leaking((row[name] for name in texts), taken) else None

    return proved_apart(select(role, selections, tools.source_file, seed, refused, tools.withdrawals()), texts, items)


def proved_apart(gate: Gate, texts: Sequence[str], items: pl.DataFrame) -> Result:
    """The result of `gate`, with the check that no field `texts` of a kept row is a text of the benchmark `items`."""
    kept = gate.result().kept
    leaked = leaking((text for name in texts for text in kept[name]), held_out(items))
    facts = {"rows": len(kept), "benchmark items": len(items), "texts in both": len(leaked)}
    return gate.result(checks=[Check(CHECK, not leaked, facts)])
