"""Benchmark items: human instructions and references, which nothing is trained on."""

from __future__ import annotations

from assets.recipe.columns import role_slice, shared_by_roles
from assets.recipe.types import Recipe
from assets.sources.judging import Role
from assets.sources.seeding import select
from assets.steps import names
from assets.steps.step import Most, Step, same
from resources.tools.tools import Tools
from warehouse.results.result import Result
from warehouse.schema.records import MAIN_TEXT, BenchmarkItem

ROLE = Role(
    BenchmarkItem, main=MAIN_TEXT["benchmark_item"], optional=("input", "reference", "details"), key="benchmark_items"
)


def step(recipe: Recipe) -> Step:
    """The asset `benchmark_items`."""

    def build(tools: Tools) -> Result:
        gate = select(
            ROLE,
            recipe.benchmark_items,
            tools.source_file,
            recipe.seed,
            withdrawals=tools.withdrawals(),
            reading=recipe.sources,
            ways=shared_by_roles(recipe),
        )
        return gate.result()

    return Step(
        asset=names.BENCHMARK_ITEMS,
        group="sources",
        description="Held-out instructions with the human text that predictions are compared with.",
        model=BenchmarkItem,
        build=build,
        slice=role_slice(recipe, "benchmark_items"),
        kinds=frozenset({"polars", "duckdb"}),
        most=Most(rows=sum(selection.count for selection in recipe.benchmark_items)),
        columns=same(BenchmarkItem),
    )
