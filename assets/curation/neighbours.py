"""Pairs whose instructions are alike: measured once for each arm, so that any cut can be decided without comparing.

A record has the pairs before it with a cosine of `curation.diversity.floor` or more. What an earlier version says of
two pairs is taken over: new pairs are compared with all others, old ones with new ones only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from assets.curation.embeddings import vectors_of
from assets.curation.near import pairs_among
from assets.recipe.types import Arm, Recipe
from assets.steps import names
from assets.steps.step import Columns, Step, made
from resources.tools.tools import Tools
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Neighbours

FLOOR = "curation.diversity.floor"
COMPARED = "compared with others"
"""The key of a result's notes for the number of new pairs, each of which was compared with all others."""

_PAIRS = {"later": pl.Int64, "earlier": pl.Int64, "cosine": pl.Float32}


def measure(tools: Tools, embeddings: pl.DataFrame, floor: float, before: pl.DataFrame | None = None) -> Result:
    """One record per row of `embeddings` (id, embedded, vector); `before` has records of an earlier version."""
    places = embeddings.select("id", "embedded").with_row_index("place")
    known = places.head(0)
    if before is not None:
        known = places.join(before, left_on=["id", "embedded"], right_on=["embedding", "embedded"], how="semi")
    order = np.concatenate([known["place"], places.join(known, on="place", how="anti")["place"]]).astype(np.int64)
    found = tools.near_pairs(vectors_of(embeddings["vector"])[order], floor, len(known))
    one, other = order[found.later], order[found.earlier]
    pairs = pl.DataFrame(
        {"later": np.maximum(one, other), "earlier": np.minimum(one, other), "cosine": found.cosine}, schema=_PAIRS
    )
    if before is not None:
        taken_over = pairs_among(before, known).select(
            later=pl.max_horizontal("place", "place_near"),
            earlier=pl.min_horizontal("place", "place_near"),
            cosine="cosine",
        )
        pairs = pl.concat([pairs, taken_over])
    near = pairs.sort("later", "earlier").join(places.rename({"place": "earlier"}), on="earlier", maintain_order="left")
    lists = near.group_by("later").agg(pl.col("embedded").alias("near"), pl.col("cosine").alias("cosines"))
    gate = Gate(Neighbours, len(embeddings))
    for row in places.join(lists, left_on="place", right_on="later", how="left").sort("place").iter_rows(named=True):
        content = {"embedded": row["embedded"], "embedding": row["id"]}
        content |= {"near": row["near"] or [], "cosines": row["cosines"] or []}
        gate.keep(content, [(row["id"], "embedding")])
    return gate.result(notes={COMPARED: len(embeddings) - len(known)})


def step(recipe: Recipe, name: str, arm: Arm, floor: float) -> Step:
    """The asset `instruction_neighbours/<arm>`."""

    def build(tools: Tools, **frames: pl.DataFrame) -> Result:
        # In the order of the methods, which is that of the arm's pairs.
        together = pl.concat([frames[_role(method)] for method in arm.methods], rechunk=False)
        return measure(tools, together, floor, tools.earlier(found.asset, found.code, {FLOOR: floor}))

    roles = [_role(method) for method in arm.methods]
    found = Step(
        asset=names.neighbours(name),
        group="curation",
        description=f"Which pairs of the methods of {name!r} have instructions that are alike.",
        model=Neighbours,
        build=build,
        slice={FLOOR: floor} | recipe.slice(f"arms.{name}.methods"),
        inputs={_role(method): names.instruction_embeddings(method) for method in arm.methods},
        kinds=frozenset({"polars", "duckdb"}),
        columns=_columns(roles),
        one_each=True,
    )
    return found


def _role(method: str) -> str:
    return f"embeddings_{method}"


def _columns(roles: Sequence[str]) -> Columns:
    vectors = [(role, "vector") for role in roles]
    embedded = [(role, "embedded") for role in roles]
    columns = {"embedded": embedded, "embedding": [(role, "id") for role in roles]}
    return made(*roles, **columns, near=[*embedded, *vectors], cosines=vectors)
