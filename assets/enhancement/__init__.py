"""Raise the quality of pairs: extract fragments, filter by heuristics and by perplexity."""
