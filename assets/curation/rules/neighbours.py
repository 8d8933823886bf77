"""Greedy diversity by embedding (see greedy.py) over pairs of alike instructions that are measured once.

It keeps exactly the rows that `greedy` keeps at the same `similarity`. The pairs with a cosine of `floor` or more are
an asset of their own, so another `similarity` compares nothing, and a new row is compared with all rows, but old ones
are not compared again. A kept row without any neighbour has no score: all that is known is that it is below the floor.

Worked example: rows 0 and 1 have a cosine of 0.95, and rows 1 and 2 one of 0.85. At 0.9 row 1 is dropped and row 2
stays. At 0.8 row 2 stays as well, since it resembles only a dropped one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import Field

from assets.curation.near import Near
from assets.curation.rule import Nearest, Rule
from assets.recipe.parts import Part


def by_neighbours(near: Near, order: Sequence[int], threshold: float) -> list[Nearest]:
    """The decision about each row, visited in `order`; one result per row."""
    found = [Nearest(None, -1.0, True)] * len(order)
    # The turn at which a row was kept; of rows that are equally similar, the first counts.
    turns = np.full(len(order), -1)
    for turn, row in enumerate(order):
        others, cosines = near.of(row)
        kept = turns[others] >= 0
        if kept.any():
            others, cosines = others[kept], cosines[kept]
            best = cosines.max()
            nearest = min(others[cosines == best], key=turns.__getitem__)
            found[row] = Nearest(int(nearest), float(best), bool(best <= threshold))
        if found[row].kept:
            turns[row] = turn
    return found


class Neighbours(Part):
    """`similarity` is the highest cosine to a kept row, `floor` the lowest that is measured."""

    similarity: Annotated[float, Field(ge=-1, le=1)] = 0.9
    floor: Annotated[float, Field(ge=0.5, le=1)] = 0.8


RULE = Rule(
    name="neighbours",
    settings=Neighbours,
    reason="similar instruction",
    measures="cosine similarity to the nearest kept instruction",
    decide=lambda rows, values: by_neighbours(rows.near, rows.order, values["similarity"]),
    cut=lambda values: values["similarity"],
    compared=True,
)
