"""Lexical diversity: greedy, but alike are texts with a high ROUGE-L (arXiv 2212.10560, Self-Instruct, section 2.2).

Rows come best first; a row is skipped if the F-measure of its ROUGE-L with a kept one, without stemming, exceeds the
threshold (0.7). No model is needed.

Worked example: "Name a red fruit." after "Name a red fish." has three of four words in order, 0.75, and is skipped.
"""

from __future__ import annotations

from collections.abc import Sequence

from assets.curation.greedy import Nearest
from assets.generation.rouge_l import Closest


def lexical(texts: Sequence[str], order: Sequence[int], threshold: float) -> list[Nearest]:
    """What happens to each of `texts`, visited in `order`; result by text."""
    known = Closest()
    found: list[Nearest] = [Nearest(None, -1.0, True)] * len(texts)
    kept: list[int] = []
    for row in order:
        closest = known.to(texts[row], above=-1.0)
        nearest, best = (kept[closest[0]], closest[1]) if closest else (None, -1.0)
        found[row] = Nearest(nearest, best, best <= threshold)
        if found[row].kept:
            kept.append(row)
            known.add(texts[row])
    return found
