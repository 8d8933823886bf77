"""The comparison of all pairs of rows: by this process, or by parts on workers.

Which pairs are near does not depend on how the rows are put into parts: each cosine is counted in double precision.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from resources.tools.session import Progress
from warehouse.store.workers import Workers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from resources.models.near_pairs import NearPairs

FEW_COMPARISONS = 10**9
"""So many comparisons of two vectors take some three seconds of a processor: they are not worth a cluster (ours)."""

WHAT = "a part of the comparison of all pairs"

PARTS = 8
"""Into so many parts for each worker the comparisons are put, so that the last ones are short (our choice)."""


def near_pairs_on(
    workers: Workers, vectors: NDArray[np.float32], floor: float, known: int, progress: Progress
) -> NearPairs:
    """As near_pairs; many comparisons are made by the workers, where these are other processes."""
    from resources.models.near_pairs import near_pairs, pairs_in_order

    count = len(vectors)
    if workers.device is None or count * (count - known) <= FEW_COMPARISONS:
        return near_pairs(vectors, floor, known, progress)
    found = workers.parts(_part, (vectors, floor), _parts(known, count, PARTS * workers.count), WHAT)
    return pairs_in_order(((last - first, pairs) for (first, last), pairs in found), count, known, floor, progress)


def _part(shared: tuple[NDArray[np.float32], float], rows: tuple[int, int]) -> NearPairs:
    from resources.models.near_pairs import blocks_of_pairs, pairs_in_order

    vectors, floor = shared
    first, last = rows
    # A part alone may have more pairs than there may be in all.
    return pairs_in_order(blocks_of_pairs(vectors, floor, first, last), len(vectors), first, floor, lambda *_: None)


def _parts(known: int, count: int, parts: int) -> Iterator[tuple[int, int]]:
    """(first, last) row of parts that have about as many pairs each: a row has one with each row before it."""
    pairs = count**2 - known**2
    ends = [round((known**2 + pairs * number / parts) ** 0.5) for number in range(1, parts)]
    first = known
    for last in [*ends, count]:
        if last > first:
            yield first, last
            first = last
