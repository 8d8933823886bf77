"""Diversity by embedding: greedy by quality, as in Deita (arXiv 2312.15685, section 2.4).

Rows come best first; a row is skipped if the cosine similarity of its instruction to a kept one exceeds the
threshold (Deita's 0.9). Quality is what the perplexity filter prefers where it was measured, else the order of making
(ours).

Worked example: vectors (1, 0), (0.99, 0.14) and (0, 1) at 0.9: the second is a duplicate of the first (0.99).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assets.enhancement.perplexity import prefers_high
from assets.recipe import Arm, Diversity, Recipe
from assets.step import Step, same
from resources.tools import Tools
from warehouse.records import Pair
from warehouse.result import Gate, Result

BLOCK = 512
TILE = 4096


@dataclass(frozen=True)
class Nearest:
    """For one row: the most similar row that was kept before it (None for the first) and the cosine."""

    index: int | None
    similarity: float
    kept: bool


def greedy(vectors: NDArray[np.float32], order: Sequence[int], threshold: float) -> list[Nearest]:
    """What happens to each row of unit `vectors` (rows, dimensions), visited in `order`; result by row.

    Cosines are summed in double and rounded to single precision: how rows are grouped into blocks does not show.
    """
    found: list[Nearest] = [Nearest(None, -1.0, True)] * len(vectors)
    kept = np.empty_like(vectors)
    indexes: list[int] = []
    for start in range(0, len(order), BLOCK):
        rows = order[start : start + BLOCK]
        block = vectors[rows]
        similarity, nearest = _nearest(block, kept[: len(indexes)])
        wide = block.astype(np.float64)
        inside = (wide @ wide.T).astype(np.float32)
        for place, row in enumerate(rows):
            best = float(similarity[place])
            if nearest[place] >= 0:
                found[row] = Nearest(indexes[nearest[place]], best, best <= threshold)
            if found[row].kept:
                closer = inside[place, place + 1 :] > similarity[place + 1 :]
                similarity[place + 1 :][closer] = inside[place, place + 1 :][closer]
                nearest[place + 1 :][closer] = len(indexes)
                kept[len(indexes)] = block[place]
                indexes.append(row)
    return found


def _nearest(block: NDArray[np.float32], kept: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Per row of `block` the highest cosine to a row of `kept`, and the first such row (-1 where there is none)."""
    similarity = np.full(len(block), -np.inf, dtype=np.float32)
    nearest = np.full(len(block), -1, dtype=np.int64)
    highest = similarity.copy()
    # What a product in single precision may be wrong by, for two of them.
    slack = block.shape[1] * np.finfo(np.float32).eps
    for start in range(0, len(kept), TILE):
        tile = kept[start : start + TILE]
        rough = block @ tile.T
        best = rough.max(axis=1)
        np.maximum(highest, best, out=highest)
        (rows,) = np.nonzero(best >= highest - slack)
        places, columns = np.nonzero(rough[rows] >= (highest[rows] - slack)[:, None])
        for row, column, exact in _exact(block, tile, rows[places], columns):
            if exact > similarity[row]:
                similarity[row], nearest[row] = exact, start + column
    return similarity, nearest


def _exact(
    block: NDArray[np.float32], tile: NDArray[np.float32], rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> Iterator[tuple[int, int, np.float32]]:
    """(row, column, cosine) of each pair of `rows` of the block with `columns` of the tile."""
    for start in range(0, len(rows), TILE):
        some, others = rows[start : start + TILE], columns[start : start + TILE]
        products = block[some].astype(np.float64) * tile[others]
        yield from zip(some.tolist(), others.tolist(), products.sum(axis=1).astype(np.float32), strict=True)


def diversify(
    pairs: pl.DataFrame,
    embeddings: pl.DataFrame,
    quality: pl.DataFrame | None,
    settings: Diversity,
    highest_first: bool = False,
) -> Result:
    """One decision per pair; `quality` (columns pair, value) puts the lowest value first, or the highest."""
    gate = Gate(Pair, len(pairs))
    place_of = dict(zip(embeddings["embedded"], range(len(embeddings)), strict=True))
    rows = []
    for row in pairs.iter_rows(named=True):
        if row["id"] in place_of:
            rows.append(row)
        else:
            gate.fail(row, "its instruction could not be embedded")
    if not rows:
        return gate.result()
    vectors = _matrix(embeddings["vector"].gather([place_of[row["id"]] for row in rows]))
    order = list(range(len(rows)))
    if quality is not None:
        sign = -1 if highest_first else 1
        value = dict(zip(quality["pair"], quality["value"], strict=True))
        order.sort(key=lambda index: (sign * value.get(rows[index]["id"], sign * float("inf")), index))
    cut = settings.similarity
    for row, nearest in zip(rows, greedy(vectors, order, cut), strict=True):
        if nearest.kept or nearest.index is None:
            # The first row has nothing to be similar to.
            gate.keep(row, score=None if nearest.index is None else nearest.similarity, cut=cut)
        else:
            twin = rows[nearest.index]["id"]
            gate.duplicate(row, twin, "similar instruction", score=nearest.similarity, cut=cut)
    return gate.result()


def _matrix(vectors: pl.Series) -> NDArray[np.float32]:
    """One row per vector. Raises ValueError where they differ in length."""
    lengths = vectors.list.len().unique().to_list()
    if len(lengths) > 1:
        raise ValueError(f"embeddings of one model have one length; found {sorted(lengths)}")
    return vectors.list.to_array(lengths[0]).to_numpy().astype(np.float32, copy=False)


def step(recipe: Recipe, name: str, arm: Arm) -> Step:
    """The asset `diverse_instructions/<arm>`; without the filter it passes everything on."""
    settings = recipe.curation.diversity if "diversity" in arm.filters else None
    by_quality = "perplexity" in arm.filters
    perplexity = recipe.enhancement.perplexity
    high = by_quality and perplexity is not None and prefers_high(perplexity)

    def build(tools: Tools, pairs: pl.DataFrame, **frames: pl.DataFrame) -> Result:
        if settings is None:
            gate = Gate(Pair, len(pairs))
            for row in pairs.iter_rows(named=True):
                gate.keep(row)
            return gate.result()
        embeddings = pl.concat([frames[f"embeddings_{method}"] for method in arm.methods])
        quality = pl.concat([frames[f"perplexities_{method}"] for method in arm.methods]) if by_quality else None
        return diversify(pairs, embeddings, quality, settings, high)

    inputs = {"pairs": f"enhanced_instructions/{name}"}
    slice_ = recipe.slice(f"arms.{name}.methods") | recipe.filters(name, "diversity")
    if settings:
        slice_ |= recipe.slice("curation.diversity.similarity") | recipe.filters(name, "diversity", "perplexity")
        inputs |= {f"embeddings_{method}": f"instruction_embeddings/{method}" for method in arm.methods}
        if by_quality:
            inputs |= {f"perplexities_{method}": f"perplexities/{method}" for method in arm.methods}
        if high:
            slice_ |= {"enhancement.perplexity.prefer": "high"}
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
        columns=same(Pair, "pairs"),
    )
