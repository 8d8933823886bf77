"""k-center greedy (Sener and Savarese, arXiv 1708.00489, algorithm 1): add the row furthest from what is selected.

The first is the best by quality (ours: published is a set that is labelled already); distance is one minus the cosine.

Worked example: of (1, 0), (0.99, 0.14) and (0, 1), two are the first and the third.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assets.curation.greedy import Nearest


def k_center(vectors: NDArray[np.float32], order: Sequence[int], select: int) -> list[Nearest]:
    """`select` centres (all rows, if they are fewer) of unit `vectors` (rows, dimensions), the first of `order` first.

    Every other row has its nearest centre. Of rows equally far the first of `order` is taken.
    """
    wide = vectors.astype(np.float64)
    rows = np.asarray(order, dtype=np.int64)
    similarity = np.full(len(rows), -np.inf)
    nearest = np.full(len(rows), -1, dtype=np.int64)
    chosen: list[int] = []
    place = 0
    while len(chosen) < min(select, len(rows)):
        chosen.append(place)
        # Rounded, so that two rows that are equally far stay so whatever the sums' order.
        cosines = np.round(wide[rows] @ wide[rows[place]], 6)
        closer = cosines > similarity
        similarity[closer], nearest[closer] = cosines[closer], rows[place]
        left = similarity.copy()
        left[chosen] = np.inf
        place = int(left.argmin())
    found: list[Nearest] = [Nearest(None, -1.0, True)] * len(rows)
    centres = {int(rows[place]) for place in chosen}
    for row, centre, cosine in zip(rows.tolist(), nearest.tolist(), similarity.tolist(), strict=True):
        found[row] = Nearest(None, -1.0, True) if row in centres else Nearest(centre, cosine, False)
    return found
