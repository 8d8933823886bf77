"""Documents: human text without an instruction. None of them is the text of a benchmark item."""

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
from warehouse.schema.records import MAIN_TEXT, Document

ROLE = Role(Document, main=MAIN_TEXT["document"], optional=("title",), key="documents")
TEXTS = ("text",)


def step(recipe: Recipe) -> Step:
    """The asset `documents`; its check `leakage` proves that no benchmark text is in them."""

    def build(tools: Tools, benchmark_items: pl.DataFrame) -> Result:
        return select_without_benchmark_text(
            ROLE, TEXTS, recipe.documents, benchmark_items, tools, recipe.seed, recipe.sources, shared_by_roles(recipe)
        )

    return Step(
        asset=names.DOCUMENTS,
        group="sources",
        description="Human-written text that instructions are written for.",
        model=Document,
        build=build,
        slice=role_slice(recipe, "documents"),
        inputs={"benchmark_items": names.BENCHMARK_ITEMS},
        kinds=frozenset({"polars", "duckdb"}),
        checks={CHECK: True},
        most=Most(rows=sum(selection.count for selection in recipe.documents)),
        columns=same(Document),
    )
