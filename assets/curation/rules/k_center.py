"""k-center greedy (Sener and Savarese, arXiv 1708.00489, algorithm 1): repeatedly add the row furthest from the set.

It starts with the best row by quality (ours: the published algorithm starts with rows that are labelled already). The
distance is one minus the cosine.

Worked example: of (1, 0), (0.99, 0.14) and (0, 1), it selects the first and the third if it may select two.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assets.curation.rule import Nearest, Rule
from assets.recipe.parts import Part
from assets.recipe.values import Count


def k_center(vectors: NDArray[np.float32], order: Sequence[int], select: int) -> list[Nearest]:
    """Keep `select` rows of unit `vectors` (rows, dimensions) as centres, or all rows if there are fewer.

    The first centre is the first row of `order`. Among rows equally far away, the one that comes first in `order` is
    taken. A row that is not kept has its nearest centre.
    """
    wide = vectors.astype(np.float64)
    rows = np.asarray(order, dtype=np.int64)
    similarity = np.full(len(rows), -np.inf)
    nearest = np.full(len(rows), -1, dtype=np.int64)
    chosen: list[int] = []
    place = 0
    while len(chosen) < min(select, len(rows)):
        chosen.append(place)
        # Rounded, so that two rows that are equally far away stay so, whatever the order of summation.
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


class KCenter(Part):
    """`select` is the number of rows that are kept."""

    select: Count


RULE = Rule(
    name="k_center",
    settings=KCenter,
    reason="not selected",
    measures="cosine similarity of a dropped row to its centre",
    decide=lambda rows, values: k_center(rows.vectors, rows.order, values["select"]),
    takes_at_most="select",
    duplicates=False,
)
