"""SemDeDup (arXiv 2303.09540, section 3): k-means, and within a cluster near copies are dropped.

As published, the rows of a cluster are visited from the one least similar to the centroid on, and a row is dropped that
has a cosine of at least 1 - epsilon to one before it. Ours: only kept rows count, since a chain of dropped ones could
drop a row that no kept one resembles; and where nothing is said there are as many clusters as the square root of the
rows. Rows of different clusters are never compared: that is what makes it fast, and what it misses.

Worked example: (1, 0), (0.99, 0.14) and (0, 1) in one cluster at epsilon 0.1: the centroid is nearest to the second,
which is visited last and is a near copy of the first.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assets.curation.greedy import Nearest, greedy


def semdedup(
    vectors: NDArray[np.float32], order: Sequence[int], epsilon: float, clusters: int | None, seed: int
) -> list[Nearest]:
    """What happens to each row of unit `vectors` (rows, dimensions); equally similar ones are visited in `order`."""
    from sklearn.cluster import KMeans  # a second that the UI should not pay

    count = min(clusters or max(1, round(len(vectors) ** 0.5)), len(np.unique(vectors, axis=0)))
    means = KMeans(count, n_init=1, random_state=seed % 2**32).fit(vectors.astype(np.float64))
    centres = means.cluster_centers_[means.labels_]
    similarity = np.round((vectors * centres).sum(axis=1) / np.linalg.norm(centres, axis=1).clip(1e-12), 6)
    found: list[Nearest] = [Nearest(None, -1.0, True)] * len(vectors)
    # Greedy keeps what is at the threshold, which is dropped here.
    below = float(np.nextafter(np.float32(1 - epsilon), np.float32(-2)))
    for label in range(count):
        members = sorted((row for row in order if means.labels_[row] == label), key=lambda row: similarity[row])
        decided = greedy(vectors[members], range(len(members)), below)
        for row, one in zip(members, decided, strict=True):
            twin = None if one.index is None else members[one.index]
            found[row] = Nearest(twin, one.similarity, one.kept)
    return found
