"""Seed tasks: human pairs. None of them shares its instruction or response with a benchmark item."""

from __future__ import annotations

import polars as pl

from assets.recipe.columns import role_slice, shared_by_roles
from assets.recipe.types import Recipe
from assets.sources.held_out import CHECK, select_without_benchmark_text
from assets.sources.judging import Role
from assets.steps import names
from assets.steps.step import Most, Step, same
from resources.tools.tools import Tools
from warehouse.results.result import Result
from warehouse.schema.records import MAIN_TEXT, SeedTask

ROLE = Role(SeedTask, main=MAIN_TEXT["seed_task"], optional=("input",), key="seed_tasks")
TEXTS = ("instruction", "response")


def step(recipe: Recipe) -> Step:
    """The asset `seed_tasks`; its check `leakage` proves that no benchmark text is in them."""

    def build(tools: Tools, benchmark_items: pl.DataFrame) -> Result:
        return select_without_benchmark_text(
            ROLE, TEXTS, recipe.seed_tasks, benchmark_items, tools, recipe.seed, recipe.sources, shared_by_roles(recipe)
        )

    return Step(
        asset=names.SEED_TASKS,
        group="sources",
        description="Human-written instructions with human-written responses.",
        model=SeedTask,
        build=build,
        slice=role_slice(recipe, "seed_tasks"),
        inputs={"benchmark_items": names.BENCHMARK_ITEMS},
        kinds=frozenset({"polars", "duckdb"}),
        checks={CHECK: True},
        most=Most(rows=sum(selection.count for selection in recipe.seed_tasks)),
        columns=same(SeedTask),
    )
