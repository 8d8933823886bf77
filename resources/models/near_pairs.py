"""All pairs of vectors whose cosine reaches a floor, found exactly without comparing every pair in full precision.

Vectors are rounded to whole numbers of 8 bits, whose products a processor adds up several times as fast as those of
floating-point numbers. Rounding moves a cosine by at most what the inequality of Cauchy and Schwarz allows (`_slack`),
so no pair is missed. Each pair that may reach the floor is then counted in double precision. The way is ours.

Worked example: of (1, 0), (0.8, 0.6) and (0, 1), the floor 0.6 gives (1, 0) with 0.8 and (2, 1) with 0.6.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from warehouse.core.errors import UserError

BLOCK = 1024
"""Rows and columns of a tile: its products must fit in the processor's cache."""

LEVELS = 127
MOST = 200
"""The most pairs per row, on average: so many take 2.4 kB per row in memory."""

Vectors = NDArray[np.float32]
Floats = NDArray[np.float32]
Places = NDArray[np.int64]


class TooManyPairs(UserError):
    """So many vectors are alike that their pairs would not fit in memory."""


@dataclass(frozen=True)
class NearPairs:
    """Pairs of rows, each once: `later` is the higher index of the two; sorted by it, then by the other."""

    later: Places
    earlier: Places
    cosine: Floats

    def __len__(self) -> int:
        return len(self.cosine)


def near_pairs(
    vectors: Vectors, floor: float, known: int = 0, progress: Callable[[int, int], None] = lambda done, total: None
) -> NearPairs:
    """The pairs of rows of unit `vectors` (rows, dimensions) with a cosine of `floor` or more.

    Cosines are summed in double precision and rounded to single. Pairs of the first `known` rows with one another are
    left out. Raises TooManyPairs where there are more than MOST per row.
    """
    return pairs_in_order(blocks_of_pairs(vectors, floor, known, len(vectors)), len(vectors), known, floor, progress)


def pairs_in_order(
    found: Iterable[tuple[int, NearPairs]],
    count: int,
    known: int,
    floor: float,
    progress: Callable[[int, int], None],
) -> NearPairs:
    """All pairs of `count` rows, of which `found` has parts in any order, each with how many rows it is about.

    Raises TooManyPairs where there are more than MOST per row."""
    parts, total, done = list[NearPairs](), 0, 0
    for rows, pairs in found:
        parts.append(pairs)
        total, done = total + len(pairs), done + rows
        if total > MOST * count:
            raise TooManyPairs(
                f"more than {MOST} pairs per row reach a cosine of {floor}: found {total:,} pairs "
                f"in {known + done:,} of {count:,} rows; raise the floor, or drop equal instructions first"
            )
        progress(done, count - known)
    return _joined(sorted(parts, key=lambda part: int(part.later[0]) if len(part) else -1))


def blocks_of_pairs(vectors: Vectors, floor: float, first: int, last: int) -> Iterator[tuple[int, NearPairs]]:
    """The pairs of the rows from `first` to `last` with all rows before them, block by block, in order.

    Each block comes with how many rows it is about."""
    if last <= first:
        return
    rounded, scale, slack = _rounded(vectors[:last])
    starts = range(first, last, BLOCK)
    least = (np.float64(floor) - slack) / scale**2

    def compared(start: int) -> NearPairs:
        return _block(vectors, rounded, least, floor, start, min(start + BLOCK, last))

    # One thread per block of rows; each of them multiplies alone.
    with ThreadPoolExecutor(torch.get_num_threads(), initializer=lambda: torch.set_num_threads(1)) as pool:
        for start, pairs in zip(starts, _in_turn(pool, compared, starts), strict=True):
            yield min(start + BLOCK, last) - start, pairs


def _in_turn(pool: ThreadPoolExecutor, work: Callable[[int], NearPairs], starts: range) -> Iterator[NearPairs]:
    """The results in order; few are waited for at a time, so that an error leaves little to do in vain."""
    waiting = [pool.submit(work, start) for start in starts[:4]]
    for place in range(len(starts)):
        if place + 4 < len(starts):
            waiting.append(pool.submit(work, starts[place + 4]))
        yield waiting[place].result()


def _rounded(vectors: Vectors) -> tuple[torch.Tensor, float, NDArray[np.float64]]:
    """(whole numbers, what one of them stands for, how much each row's cosines may be off)."""
    levels = LEVELS if _adds_up_exactly() else LEVELS // 2
    scale = float(np.abs(vectors).max(initial=0)) / levels or 1.0
    rounded = np.empty(vectors.shape, dtype=np.int8)
    errors = np.empty(len(vectors))
    for start in range(0, len(vectors), 16 * BLOCK):
        block = vectors[start : start + 16 * BLOCK].astype(np.float64)
        whole = np.rint(block / scale)
        rounded[start : start + len(block)] = whole
        errors[start : start + len(block)] = np.linalg.norm(block - scale * whole, axis=1)
    return torch.from_numpy(rounded), scale, _slack(errors)


def _slack(errors: NDArray[np.float64]) -> NDArray[np.float64]:
    """By how much the product of a row's rounded vector with any other may fall below their cosine.

    x·y - x'·y' = x·(y - y') + (x - x')·y', where |x| = 1 and |y'| is at most 1 + |y - y'| (Cauchy-Schwarz).
    """
    most = errors.max(initial=0)
    # Vectors have length 1 up to rounding, and a cosine is rounded to single precision.
    slack: NDArray[np.float64] = most + errors * (1 + most) + 1e-5
    return slack


@cache
def _adds_up_exactly() -> bool:
    """Whether products of whole numbers are exact: some processors add two of them in 16 bits, where they may overflow.

    With half as many levels they do not."""
    extremes = torch.tensor([[LEVELS] * 64, [-LEVELS] * 64] * 16, dtype=torch.int8)
    wide = extremes.int()
    return torch.equal(torch._int_mm(extremes, extremes.T), wide @ wide.T)


def _block(
    vectors: Vectors, rounded: torch.Tensor, least: NDArray[np.float64], floor: float, start: int, end: int
) -> NearPairs:
    """The pairs of the rows from `start` to `end` with all rows before them."""
    rows, found = rounded[start:end], []
    enough = np.ceil(least[start:end]).clip(-(2**31) + 1, 2**31 - 1).astype(np.int32)
    products = torch.empty((end - start, BLOCK), dtype=torch.int32)
    for first in range(0, end, BLOCK):
        columns = rounded[first : min(first + BLOCK, end)]
        if len(columns) < BLOCK:
            products = torch.empty((end - start, len(columns)), dtype=torch.int32)
        tile = torch._int_mm(rows, columns.T, out=products).numpy()
        highest = tile.max(axis=1)
        (some,) = np.nonzero(highest >= enough)
        places, others = np.nonzero(tile[some] >= enough[some, None])
        later, earlier = some[places] + start, others + first
        before = earlier < later
        found.append(_exact(vectors, later[before], earlier[before], floor))
    return _in_order(_joined(found))


def _exact(vectors: Vectors, later: Places, earlier: Places, floor: float) -> NearPairs:
    cosine = np.empty(len(later), dtype=np.float32)
    for start in range(0, len(later), 4 * BLOCK):
        some = slice(start, start + 4 * BLOCK)
        cosine[some] = (vectors[later[some]].astype(np.float64) * vectors[earlier[some]]).sum(axis=1)
    near = cosine >= floor
    return NearPairs(later[near], earlier[near], cosine[near])


def _joined(found: list[NearPairs]) -> NearPairs:
    none = NearPairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))
    parts = zip(*((one.later, one.earlier, one.cosine) for one in (none, *found)), strict=True)
    return NearPairs(*(np.concatenate(part) for part in parts))


def _in_order(pairs: NearPairs) -> NearPairs:
    order = np.lexsort((pairs.earlier, pairs.later))
    return NearPairs(pairs.later[order], pairs.earlier[order], pairs.cosine[order])
