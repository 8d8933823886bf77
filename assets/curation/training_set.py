"""The training set of an arm: as many rows as every other arm has, so that arms compare fairly.

None of them says what the benchmark asks or expects: the sources are held apart from it already, but a model may have
written it. What it wrote is rejected before the draw, and the others fill the budget.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from assets.recipe import Recipe
from assets.sources.held_out import CHECK, REASON, held_out, leaking, proved_apart
from assets.step import Step, same
from resources.tools import Tools
from warehouse.errors import Mendable
from warehouse.identity import row_seed
from warehouse.records import Pair
from warehouse.result import Gate, Result


class TooFewPairs(Mendable, ValueError):
    """An arm has fewer pairs than the budget asks for; arms of different sizes would not compare fairly."""


TEXTS = ("instruction", "response")


def take(
    arm: str, pairs: pl.DataFrame, items: pl.DataFrame, rows: int, seed: int, key: str = "curation.rows"
) -> Result:
    """`rows` pairs that hold no text of the benchmark `items` (columns instruction, reference), drawn by a hash of
    their ids, with the check that proves it. Fewer rows are the first of more, so that sizes can be compared.

    `key` is where the recipe says `rows`. Raises TooFewPairs if there are not as many.
    """
    gate, taken = Gate(Pair, len(pairs)), held_out(items)
    apart = []
    for row in pairs.iter_rows(named=True):
        if leaking((row[name] for name in TEXTS), taken):
            gate.reject(row, REASON)
        else:
            apart.append(row)
    if len(apart) < rows:
        leaked = len(pairs) - len(apart)
        left_out = f" without the {leaked} that hold text of the benchmark" if leaked else ""
        raise TooFewPairs(
            f"arm {arm!r} has {len(apart)} pairs{left_out}, {key} asks for {rows}: {rows - len(apart)} are "
            f"missing; generate more, loosen a filter, or lower {key}"
        )
    drawn = sorted(apart, key=lambda row: row_seed(seed, "training set", row["id"]))
    for place, row in enumerate(drawn):
        if place < rows:
            gate.keep(row)
        else:
            gate.reject(row, "over the budget", score=place + 1, cut=rows)
    return proved_apart(gate, TEXTS, items)


def declared(recipe: Recipe) -> dict[str, Any]:
    """What the recipe declares of its models and sources: where that changes, openness is judged anew."""
    parts = {f"models.{name}": part for name, part in recipe.models.items()}
    parts |= {f"sources.{name}": part for name, part in recipe.sources.items()}
    keys = {"licence", "origin", "made_from"}
    return {"declared": {path: part.model_dump(mode="json", include=keys) for path, part in parts.items()}}


def step(recipe: Recipe, name: str) -> Step:
    """The asset `training_sets/<arm>`; its check `leakage` proves that no benchmark text is in it."""
    own, seed = recipe.arms[name].rows, recipe.seed
    rows, key = (own, f"arms.{name}.rows") if own else (recipe.curation.rows, "curation.rows")

    def build(tools: Tools, pairs: pl.DataFrame, benchmark_items: pl.DataFrame) -> Result:
        return take(name, pairs, benchmark_items, rows, seed, key)

    return Step(
        asset=f"training_sets/{name}",
        group="curation",
        description=f"The {rows} pairs that the student of {name!r} is fine-tuned on.",
        model=Pair,
        build=build,
        slice=recipe.slice("seed", key, "policy", "ancestors") | declared(recipe),
        inputs={"pairs": f"diverse_instructions/{name}", "benchmark_items": "benchmark_items"},
        kinds=frozenset({"polars", "duckdb"}),
        checks={CHECK: True},
        columns=same(Pair, "pairs"),
    )
