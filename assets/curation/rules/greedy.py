"""Greedy diversity by embedding, as in Deita (arXiv 2312.15685, section 2.4): skip what is too similar to a kept row.

Rows are visited best first. A row is skipped if its cosine similarity to a kept one exceeds the threshold (Deita's
0.9). Deita embeds the whole sample with a language model; we embed the instruction with a sentence encoder (ours).

Worked example: vectors (1, 0), (0.99, 0.14) and (0, 1) at 0.9: the second is a duplicate of the first (0.99).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from assets.curation.rule import Nearest, Rule
from assets.recipe.parts import Part

BLOCK = 512
TILE = 4096


def greedy(vectors: NDArray[np.float32], order: Sequence[int], threshold: float) -> list[Nearest]:
    """The decision about each row of unit `vectors` (rows, dimensions), visited in `order`; one result per row.

    Cosines are summed in double precision and rounded to single, so that the size of a block changes no result.
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
    """The highest cosine of each row of `block` to a row of `kept`, and the first such row (-1 where there is none)."""
    similarity = np.full(len(block), -np.inf, dtype=np.float32)
    nearest = np.full(len(block), -1, dtype=np.int64)
    highest = similarity.copy()
    # The largest rounding error of two products in single precision.
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


class Greedy(Part):
    """`similarity` is the highest cosine to a kept row."""

    similarity: Annotated[float, Field(ge=-1, le=1)] = 0.9


RULE = Rule(
    name="greedy",
    settings=Greedy,
    reason="similar instruction",
    measures="cosine similarity to the nearest kept instruction",
    decide=lambda rows, values: greedy(rows.vectors, rows.order, values["similarity"]),
    cut=lambda values: values["similarity"],
)
