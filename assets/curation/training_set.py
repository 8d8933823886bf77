"""The training set of an arm: as many rows as every other arm has, so that arms compare fairly."""

from __future__ import annotations

import polars as pl

from assets.recipe import Recipe
from assets.step import Step
from resources.tools import Tools
from warehouse.errors import Mendable
from warehouse.identity import row_seed
from warehouse.records import Pair
from warehouse.result import Gate, Result


class TooFewPairs(Mendable, ValueError):
    """An arm has fewer pairs than the budget asks for; arms of different sizes would not compare fairly."""


def take(arm: str, pairs: pl.DataFrame, rows: int, seed: int) -> Result:
    """`rows` pairs, drawn by a hash of their ids. Raises TooFewPairs if there are not as many."""
    if len(pairs) < rows:
        raise TooFewPairs(
            f"arm {arm!r} has {len(pairs)} pairs, curation.rows asks for {rows}: {rows - len(pairs)} are missing; "
            "generate more, loosen a filter, or lower curation.rows"
        )
    gate = Gate(Pair, len(pairs))
    drawn = sorted(pairs.iter_rows(named=True), key=lambda row: row_seed(seed, "training set", row["id"]))
    for place, row in enumerate(drawn):
        if place < rows:
            gate.keep(row)
        else:
            gate.reject(row, "over the budget", score=place + 1, cut=rows)
    return gate.result()


def step(recipe: Recipe, name: str) -> Step:
    """The asset `training_sets/<arm>`."""
    rows, seed = recipe.curation.rows, recipe.seed

    def build(tools: Tools, pairs: pl.DataFrame) -> Result:
        return take(name, pairs, rows, seed)

    return Step(
        asset=f"training_sets/{name}",
        group="curation",
        description=f"The {rows} pairs that the student of {name!r} is fine-tuned on.",
        model=Pair,
        build=build,
        slice=recipe.slice("seed", "curation.rows"),
        inputs={"pairs": f"diverse_instructions/{name}"},
        kinds=frozenset({"polars", "duckdb"}),
    )
