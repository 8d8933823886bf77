"""The supply of documents: all that methods with `until: accepted` may draw, in the order in which they draw them.

First come the rows of `documents`. Then come rows that are recorded there as "not sampled", round by round: each round
takes up to `count` more of every selection, in the order of their hashes. So a longer supply begins with a shorter one.

Worked example: `documents` has a1, a2 and b1 of selections with the counts 2 and 1. The supply goes on with a3, a4, b2,
and then with a5, a6, b3.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from assets.recipe.columns import role_slice, shared_by_roles
from assets.recipe.types import Recipe
from assets.sources.documents import ROLE, TEXTS
from assets.sources.held_out import select_without_benchmark_text
from assets.steps import names
from assets.steps.step import Most, Step, same
from resources.tools.tools import Tools
from warehouse.core.identity import Parent
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Document

NOT_SAMPLED = "not sampled"
BEYOND = "beyond at_most"


@dataclass(frozen=True)
class Waiting:
    """The rows of a selection that were not sampled, in their order, and how many of them a round takes."""

    rows: Sequence[Mapping[str, Any]]
    parents: Sequence[Parent]
    count: int


def supply(documents: pl.DataFrame, waiting: Sequence[Waiting], most: int) -> Result:
    """The first `most` of the documents and of what waits; the others are rejected."""
    gate = Gate(Document, len(documents) + sum(len(one.rows) for one in waiting))
    for row, parents in _in_order(documents, waiting):
        if gate.kept < most:
            gate.keep(row, parents)
        else:
            gate.reject(row, BEYOND, parents)
    return gate.result()


def _in_order(
    documents: pl.DataFrame, waiting: Sequence[Waiting]
) -> Iterator[tuple[Mapping[str, Any], Sequence[Parent]]]:
    yield from ((row, ()) for row in documents.iter_rows(named=True))
    taken = 0
    while any(taken * one.count < len(one.rows) for one in waiting):
        for one in waiting:
            for row in one.rows[taken * one.count : (taken + 1) * one.count]:
                yield row, one.parents
        taken += 1


def step(recipe: Recipe, most: int, key: str) -> Step:
    """The asset `document_supply`, with at most `most` rows, as the recipe says at `key`."""

    def waiting(tools: Tools, number: int, items: pl.DataFrame) -> Waiting:
        selection = recipe.documents[number]
        found = select_without_benchmark_text(
            ROLE, TEXTS, [selection], items, tools, recipe.seed, recipe.sources, shared_by_roles(recipe)
        )
        content = dict(found.dropped.iter_rows())
        left = found.decisions.filter(reason=NOT_SAMPLED)["record"]
        source, _ = tools.source_file(selection.source)
        return Waiting([json.loads(content[record]) for record in left], [(source, "source")], selection.count)

    def build(tools: Tools, documents: pl.DataFrame, benchmark_items: pl.DataFrame) -> Result:
        left = [waiting(tools, number, benchmark_items) for number in range(len(recipe.documents))]
        return supply(documents, left, most)

    return Step(
        asset=names.DOCUMENT_SUPPLY,
        group="sources",
        description="The documents that methods may draw until their arms have their rows, in the order of drawing.",
        model=Document,
        build=build,
        slice=role_slice(recipe, "documents") | {key: most},
        inputs={"documents": names.DOCUMENTS, "benchmark_items": names.BENCHMARK_ITEMS},
        kinds=frozenset({"polars", "duckdb"}),
        most=Most(rows=most),
        columns=same(Document, "documents"),
        remedies={"": key},
    )
