"""The cut that keeps a given share of rows, for every asset that keeps a share.

Worked example: for 3, 5, 9 and 40 the lowest share 0.75 ends at 9, and the highest share 0.5 also ends at 9.
"""

from __future__ import annotations

import math

import polars as pl


def cut_for(values: pl.Series, keep: float, high: bool = False) -> float:
    """The worst of `values` (not empty) that is kept if the share `keep` with the lowest values is kept, or with `high`
    the share with the highest; at least one value is kept."""
    # In floats 0.29 * 100 is slightly below 29.
    kept = max(1, math.floor(round(keep * len(values), 9)))
    return float(values.sort(descending=high)[kept - 1])
