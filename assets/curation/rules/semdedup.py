"""SemDeDup (arXiv 2303.09540, section 3): cluster the rows by k-means, and drop near copies within each cluster.

As published, the rows of a cluster are visited from the one least similar to the centroid to the most similar, and a
row is dropped if it has a cosine above 1 - epsilon to one visited before (the published code, too, keeps a row exactly
at the threshold). Two things are ours. Only kept rows are
compared with, since a chain of dropped rows could drop a row that resembles no kept one. And the default number of
clusters is the square root of the number of rows. Rows of different clusters are never compared: this makes the rule
fast, and it misses near copies in different clusters.

Worked example: (1, 0), (0.99, 0.14) and (0, 1) in one cluster at epsilon 0.1. The second is nearest to the centroid, so
it is visited last, and it is dropped as a near copy of the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from assets.curation.rule import Nearest, Rule
from assets.curation.rules.greedy import greedy
from assets.recipe.parts import Part
from assets.recipe.values import Count


def semdedup(
    vectors: NDArray[np.float32], order: Sequence[int], epsilon: float, clusters: int | None, seed: int
) -> list[Nearest]:
    """The decision about each row of unit `vectors` (rows, dimensions); `order` breaks ties in similarity."""
    from sklearn.cluster import KMeans  # takes a second to import, which the UI must not wait for

    count = min(clusters or max(1, round(len(vectors) ** 0.5)), len(np.unique(vectors, axis=0)))
    means = KMeans(count, n_init=1, random_state=seed % 2**32).fit(vectors.astype(np.float64))
    centres = means.cluster_centers_[means.labels_]
    similarity = np.round((vectors * centres).sum(axis=1) / np.linalg.norm(centres, axis=1).clip(1e-12), 6)
    found: list[Nearest] = [Nearest(None, -1.0, True)] * len(vectors)
    # Cosines are in single precision, and a row exactly at the threshold stays.
    threshold = float(np.float32(1 - epsilon))
    for label in range(count):
        members = sorted((row for row in order if means.labels_[row] == label), key=lambda row: similarity[row])
        decisions = greedy(vectors[members], range(len(members)), threshold)
        for row, one in zip(members, decisions, strict=True):
            nearest = None if one.index is None else members[one.index]
            found[row] = Nearest(nearest, one.similarity, one.kept)
    return found


class SemDeDup(Part):
    """`epsilon` is one minus the cosine above which a row of the same cluster is dropped; `clusters` their number."""

    epsilon: Annotated[float, Field(ge=0, le=2)] = 0.1
    clusters: Count | None = None


RULE = Rule(
    name="semdedup",
    settings=SemDeDup,
    reason="near copy in its cluster",
    measures="cosine similarity to the nearest kept row of the cluster",
    decide=lambda rows, values: semdedup(rows.vectors, rows.order, values["epsilon"], values["clusters"], rows.seed),
    cut=lambda values: 1 - values["epsilon"],
    seeded=True,
)
