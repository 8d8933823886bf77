"""Seed tasks: human pairs. None of them is a benchmark item, in whole or in part."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from assets.recipe import Recipe
from assets.sources.leakage import held_out, leaking
from assets.sources.seeding import Role, select
from assets.step import Step
from resources.tools import Tools
from warehouse.records import SeedTask
from warehouse.result import Check, Result

ROLE = Role(SeedTask, main="response", optional=("input",))
TEXTS = ("instruction", "response")


def step(recipe: Recipe) -> Step:
    """The asset `seed_tasks`; its check `held_out` proves that no benchmark text is among them."""

    def build(tools: Tools, benchmark_items: pl.DataFrame) -> Result:
        taken = held_out(benchmark_items)

        def refused(row: Mapping[str, str]) -> str | None:
            return "text of a benchmark item" if leaking([row[name] for name in TEXTS], taken) else None

        gate = select(ROLE, recipe.seed_tasks, tools.source_file, recipe.seed, refused)
        kept = gate.result().kept
        leaked = leaking([text for name in TEXTS for text in kept[name]], taken)
        facts = {
            "seed tasks": len(kept),
            "benchmark items": len(benchmark_items),
            "texts in both": len(leaked),
        }
        return gate.result(checks=[Check("held_out", not leaked, facts)])

    sources = dict.fromkeys(f"sources.{selection.source}" for selection in recipe.seed_tasks)
    return Step(
        asset="seed_tasks",
        group="sources",
        description="Human-written instructions with human-written responses.",
        model=SeedTask,
        build=build,
        slice=recipe.slice("seed", "seed_tasks", *sources),
        inputs={"benchmark_items": "benchmark_items"},
        kinds=frozenset({"polars", "duckdb"}),
        checks={"held_out": True},
    )
