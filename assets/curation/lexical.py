"""Lexical diversity: greedy, but alike are texts with a high ROUGE-L (arXiv 2212.10560, Self-Instruct, section 2.2).

Rows come best first; a row is skipped if the F-measure of its ROUGE-L with a kept one, without stemming, exceeds the
threshold (0.7). No model is needed.

Worked example: "Name a red fruit." after "Name a red fish." has three of four words in order, 0.75, and is skipped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from assets.curation.greedy import Nearest


def lexical(texts: Sequence[str], order: Sequence[int], threshold: float) -> list[Nearest]:
    """What happens to each of `texts`, visited in `order`; result by text."""
    from rouge_score.rouge_scorer import RougeScorer  # imports nltk, a second that the UI should not pay
    from rouge_score.tokenizers import DefaultTokenizer

    scorer, tokenizer = RougeScorer(["rougeL"], use_stemmer=False), DefaultTokenizer(use_stemmer=False)
    words = [Counter(tokenizer.tokenize(text)) for text in texts]
    length = [counted.total() for counted in words]
    found: list[Nearest] = [Nearest(None, -1.0, True)] * len(texts)
    kept: list[int] = []
    for row in order:
        nearest, best = None, -1.0
        for other in kept:
            # The longest common subsequence has no more words than both texts share, whatever their order.
            most = 2 * (words[row] & words[other]).total() / max(1, length[row] + length[other])
            if most > best:
                value = float(scorer.score(texts[other], texts[row])["rougeL"].fmeasure)
                if value > best:
                    nearest, best = other, value
        found[row] = Nearest(nearest, best, best <= threshold)
        if found[row].kept:
            kept.append(row)
    return found
