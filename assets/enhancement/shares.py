"""Mixed arms: the pairs of several methods in declared shares, such as half of seeds and half of generated pairs.

The shares hold before the filters, since a filter may drop more of one method than of another, which is what an arm
with mismatched pairs is to show. Where two methods have a pair for the same response, a hash of the response decides
which of them it is from, so that no response is in the mix twice. All is ours.

Worked example: with the shares 0.75 and 0.25, and pools of 90 and 10 pairs, all 10 of the second are taken and 30 of
the first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import polars as pl

from warehouse.core.identity import row_seed
from warehouse.core.texts import normalized

REASON = "beyond the share of its method"


def beyond(pools: Mapping[str, pl.DataFrame], shares: Mapping[str, float], seed: int) -> set[str]:
    """The ids of the pairs that are not in the mix; `pools` and `shares` are by method."""
    rows = {name: pools[name].select("id", "response").rows() for name in shares}
    methods = Counter(response for pool in rows.values() for response in {normalized(text) for _, text in pool})
    own = {
        name: [
            (row_seed(seed, "mix", response), row)
            for row, response in pool
            if methods[normalized(response)] == 1 or _method_for(normalized(response), shares, seed) == name
        ]
        for name, pool in rows.items()
    }
    size = min(len(own[name]) / share for name, share in shares.items())
    taken = {row for name, share in shares.items() for _, row in sorted(own[name])[: round(size * share)]}
    return {row for pool in rows.values() for row, _ in pool} - taken


def _method_for(response: str, shares: Mapping[str, float], seed: int) -> str:
    """The method that a response is from, where several have it."""
    left = row_seed(seed, "mixed from", response) / 2**63
    for name, share in shares.items():
        left -= share
        if left < 0:
            return name
    return next(reversed(list(shares)))
