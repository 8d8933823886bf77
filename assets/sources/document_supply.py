"""The supply of documents: all that methods with `until: accepted` may draw, in the order in which they draw them.

First come the rows of `documents`. Then come rows that are "not sampled" there, round by round: each round takes up to
`count` more of every selection, in the order of their hashes. So a longer supply begins with a shorter one.

Worked example: `documents` has a1, a2 and b1 of selections with the counts 2 and 1. The supply goes on with a3, a4, b2,
and then with a5, a6, b3.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from assets.recipe.columns import role_slice, shared_by_roles
from assets.recipe.selections import DocumentSelection
from assets.recipe.types import Recipe
from assets.sources.documents import ROLE, TEXTS
from assets.sources.held_out import select_without_benchmark_text
from assets.steps import names
from assets.steps.step import Most, Step, same
from resources.tools.tools import Tools
from warehouse.core.identity import Parent
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Document

BEYOND = "beyond at_most"

Row = tuple[Mapping[str, Any], Sequence[Parent]]
"""A document without its id, and its parents."""


@dataclass(frozen=True)
class Waiting:
    """The rows of a selection that were not sampled, in their order, and how many of them a round takes."""

    rows: Sequence[Row]
    count: int


def supply(documents: Sequence[Row], waiting: Sequence[Waiting], most: int) -> Result:
    """The first `most` of the documents and of what waits after them; the others are rejected."""
    gate = Gate(Document, len(documents) + sum(len(one.rows) for one in waiting))
    for row, parents in (*documents, *_by_rounds(waiting)):
        if gate.kept < most:
            gate.keep(row, parents)
        else:
            gate.reject(row, BEYOND, parents)
    return gate.result()


def _by_rounds(waiting: Sequence[Waiting]) -> Iterator[Row]:
    start = 0
    while any(start * one.count < len(one.rows) for one in waiting):
        for one in waiting:
            yield from one.rows[start * one.count : (start + 1) * one.count]
        start += 1


def _kept(found: Result) -> list[Row]:
    """The kept rows, in their order."""
    parents = defaultdict[str, list[Parent]](list)
    for child, parent, role in found.edges.iter_rows():
        parents[child].append((parent, role))
    return [(row, parents[row.pop("id")]) for row in found.kept.to_dicts()]


def step(recipe: Recipe, most: int, key: str) -> Step:
    """The asset `document_supply`, with at most `most` rows, as the recipe says at `key`."""

    def select(tools: Tools, selections: Sequence[DocumentSelection], items: pl.DataFrame, at_most: int) -> list[Row]:
        ways = shared_by_roles(recipe)
        return _kept(
            select_without_benchmark_text(
                ROLE, TEXTS, selections, items, tools, recipe.seed, recipe.sources, ways, at_most
            )
        )

    def build(tools: Tools, benchmark_items: pl.DataFrame) -> Result:
        # Rows do not say of which selection they are.
        alone = [select(tools, [one], benchmark_items, most) for one in recipe.documents]
        first, *others = recipe.documents
        together = select(tools, recipe.documents, benchmark_items, 0) if others else alone[0][: first.count]
        waiting = [Waiting(rows[one.count :], one.count) for one, rows in zip(recipe.documents, alone, strict=True)]
        return supply(together, waiting, most)

    return Step(
        asset=names.DOCUMENT_SUPPLY,
        group="sources",
        description="The documents that methods may draw until their arms have their rows, in the order of drawing.",
        model=Document,
        build=build,
        slice=role_slice(recipe, "documents") | {key: most},
        inputs={"benchmark_items": names.BENCHMARK_ITEMS},
        kinds=frozenset({"polars", "duckdb"}),
        most=Most(rows=most),
        columns=same(Document),
        remedies={"": key},
    )
