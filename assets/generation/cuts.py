"""The score that a share of rows has to reach, whichever asset keeps that share.

Worked example: of 3, 5, 9 and 40 the share 0.75 with the lowest ends at 9, and the share 0.5 with the highest at 9 too.
"""

from __future__ import annotations

import math

import polars as pl


def cut_for(values: pl.Series, keep: float, high: bool = False) -> float:
    """The worst of `values` (at least one) that is still kept, when the share `keep` with the lowest, or the highest,
    is; that is at least one."""
    # A float product of 0.29 and 100 is a hair below 29.
    kept = max(1, math.floor(round(keep * len(values), 9)))
    return float(values.sort(descending=high)[kept - 1])
