"""Documents: human text without an instruction, and without benchmark text."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from assets.recipe import Recipe
from assets.sources.leakage import held_out, leaking
from assets.sources.seeding import Role, select
from assets.step import Step
from resources.tools import Tools
from warehouse.records import Document
from warehouse.result import Check, Result

ROLE = Role(Document, main="text", optional=("title",))


def step(recipe: Recipe) -> Step:
    """The asset `documents`; its check `held_out` proves that no benchmark text is among them."""

    def build(tools: Tools, benchmark_items: pl.DataFrame) -> Result:
        taken = held_out(benchmark_items)

        def refused(row: Mapping[str, str]) -> str | None:
            return "text of a benchmark item" if leaking([row["text"]], taken) else None

        gate = select(ROLE, recipe.documents, tools.source_file, recipe.seed, refused)
        kept = gate.result().kept
        leaked = leaking(kept["text"], taken)
        facts = {
            "documents": len(kept),
            "benchmark items": len(benchmark_items),
            "texts in both": len(leaked),
        }
        return gate.result(checks=[Check("held_out", not leaked, facts)])

    sources = dict.fromkeys(f"sources.{selection.source}" for selection in recipe.documents)
    return Step(
        asset="documents",
        group="sources",
        description="Human-written text that instructions are written for.",
        model=Document,
        build=build,
        slice=recipe.slice("seed", "documents", *sources),
        inputs={"benchmark_items": "benchmark_items"},
        kinds=frozenset({"polars", "duckdb"}),
        checks={"held_out": True},
    )
