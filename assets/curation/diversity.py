"""Diversity by embedding: greedy by quality, as in Deita (arXiv 2312.15685, section 2.4).

Rows come best first; a row is skipped if the cosine similarity of its instruction to a kept one exceeds the
threshold (Deita's 0.9). Quality is low perplexity where it was measured, else the order of making (ours).

Worked example: vectors (1, 0), (0.99, 0.14) and (0, 1) at 0.9: the second is a duplicate of the first (0.99).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assets.recipe import Arm, Diversity, Recipe
from assets.step import Step
from resources.tools import Tools
from warehouse.records import Pair
from warehouse.result import Gate, Result


@dataclass(frozen=True)
class Nearest:
    """For one row: the most similar row that was kept before it (None for the first) and the cosine."""

    index: int | None
    similarity: float
    kept: bool


def greedy(vectors: NDArray[np.float32], order: Sequence[int], threshold: float) -> list[Nearest]:
    """What happens to each row of unit `vectors` (rows, dimensions), visited in `order`; result by row."""
    kept = np.empty_like(vectors)
    indexes: list[int] = []
    found: list[Nearest] = [Nearest(None, -1.0, True)] * len(vectors)
    for row in order:
        nearest, similarity = None, -1.0
        if indexes:
            similarities = kept[: len(indexes)] @ vectors[row]
            best = int(similarities.argmax())
            nearest, similarity = indexes[best], float(similarities[best])
        keep = similarity <= threshold
        found[row] = Nearest(nearest, similarity, keep)
        if keep:
            kept[len(indexes)] = vectors[row]
            indexes.append(row)
    return found


def diversify(
    pairs: pl.DataFrame, embeddings: pl.DataFrame, quality: pl.DataFrame | None, settings: Diversity
) -> Result:
    """One decision per pair; `quality` (columns pair, perplexity) puts the lowest perplexity first."""
    gate = Gate(Pair)
    vector_of = dict(zip(embeddings["pair"], embeddings["vector"].to_list(), strict=True))
    rows = []
    for row in pairs.iter_rows(named=True):
        if row["id"] in vector_of:
            rows.append(row)
        else:
            gate.fail(row, "its instruction could not be embedded")
    if not rows:
        return gate.result()
    vectors = np.array([vector_of[row["id"]] for row in rows], dtype=np.float32)
    order = list(range(len(rows)))
    if quality is not None:
        perplexity = dict(zip(quality["pair"], quality["perplexity"], strict=True))
        order.sort(key=lambda index: (perplexity.get(rows[index]["id"], float("inf")), index))
    cut = settings.similarity
    for row, nearest in zip(rows, greedy(vectors, order, cut), strict=True):
        if nearest.kept or nearest.index is None:
            # The first row has nothing to be similar to.
            gate.keep(row, score=None if nearest.index is None else nearest.similarity, cut=cut)
        else:
            twin = rows[nearest.index]["id"]
            gate.duplicate(row, twin, "similar instruction", score=nearest.similarity, cut=cut)
    return gate.result()


def step(recipe: Recipe, name: str, arm: Arm) -> Step:
    """The asset `diverse_instructions/<arm>`; without the filter it passes everything on."""
    settings = recipe.curation.diversity if "diversity" in arm.filters else None
    by_quality = "perplexity" in arm.filters

    def build(tools: Tools, pairs: pl.DataFrame, **frames: pl.DataFrame) -> Result:
        if settings is None:
            gate = Gate(Pair)
            for row in pairs.iter_rows(named=True):
                gate.keep(row)
            return gate.result()
        embeddings = pl.concat([frames[f"embeddings_{method}"] for method in arm.methods])
        quality = pl.concat([frames[f"perplexities_{method}"] for method in arm.methods]) if by_quality else None
        return diversify(pairs, embeddings, quality, settings)

    inputs = {"pairs": f"enhanced_instructions/{name}"}
    slice_ = recipe.slice(f"arms.{name}.methods") | recipe.filters(name, "diversity")
    if settings:
        slice_ |= recipe.slice("curation.diversity.similarity") | recipe.filters(name, "diversity", "perplexity")
        inputs |= {f"embeddings_{method}": f"instruction_embeddings/{method}" for method in arm.methods}
        if by_quality:
            inputs |= {f"perplexities_{method}": f"perplexities/{method}" for method in arm.methods}
    return Step(
        asset=f"diverse_instructions/{name}",
        group="curation",
        description=f"The pairs of {name!r} whose instructions differ enough from each other.",
        model=Pair,
        build=build,
        slice=slice_,
        inputs=inputs,
        kinds=frozenset({"polars", "duckdb"}),
        plot="similarity" if settings else None,
    )
