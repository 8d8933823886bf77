"""Lexical diversity: skip a row whose ROUGE-L with a kept row is high (arXiv 2212.10560, Self-Instruct, section 2.2).

Rows are visited best first. A row is skipped if its ROUGE-L F-measure with a kept row, without stemming, exceeds the
threshold (0.7). No model is needed.

Worked example: "Name a red fruit." after "Name a red fish." has three of four words in order, 0.75, and is skipped.
"""

from __future__ import annotations

from collections.abc import Sequence

from assets.curation.rule import Nearest, Rule
from assets.generation.rouge_l import Closest
from assets.recipe.parts import Part
from assets.recipe.values import Probability


def lexical(texts: Sequence[str], order: Sequence[int], threshold: float) -> list[Nearest]:
    """The decision about each of `texts`, visited in `order`; one result per text."""
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


class RougeL(Part):
    """`rouge_l` is the highest F-measure with a kept row."""

    rouge_l: Probability = 0.7


RULE = Rule(
    name="rouge_l",
    settings=RougeL,
    reason="ROUGE-L",
    measures="ROUGE-L with the nearest kept instruction",
    decide=lambda rows, values: lexical(rows.texts, rows.order, values["rouge_l"]),
    cut=lambda values: values["rouge_l"],
    embeds=False,
)
