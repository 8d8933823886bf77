"""Whether text of the benchmark stands among texts that train: equal after normalizing."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl


def normalized(text: str) -> str:
    """Text as leakage is looked for: lower case, letters and digits only, single spaces between words."""
    return " ".join("".join(c if c.isalnum() else " " for c in text.lower()).split())


def held_out(items: pl.DataFrame) -> frozenset[str]:
    """The normalized instructions and references of benchmark items."""
    return frozenset(normalized(text) for column in ("instruction", "reference") for text in items[column])


def leaking(texts: Iterable[str], taken: frozenset[str]) -> frozenset[str]:
    """Which of `texts` are held out, normalized."""
    return taken & {normalized(text) for text in texts}
