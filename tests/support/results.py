"""Seed tasks and short forms of results for the tests of methods."""

from __future__ import annotations

import polars as pl

from warehouse.core.identity import digest
from warehouse.results.result import Result

SEEDS = pl.DataFrame(
    [
        {
            "id": digest(["seed", number]),
            "source": "s",
            "instruction": instruction,
            "input": input_,
            "response": "A human wrote this.",
        }
        for number, (instruction, input_) in enumerate(
            [
                ("How do I make Pesto?", ""),
                ("What is rye?", ""),
                ("Translate.", "Ciao."),
                ("Who was Ada Lovelace?", ""),
            ]
        )
    ]
)


# strip() keeps a zero-width space and a byte order mark.
WORDLESS = ["\u200b", "\ufeff", "—", "...", "_", ""]


def outcomes(result: Result) -> list[tuple[str, str | None]]:
    return list(result.decisions.select("outcome", "reason").iter_rows())


def edges_of(result: Result, child: str) -> list[tuple[str, str]]:
    return list(result.edges.filter(pl.col("child") == child).select("parent", "role").iter_rows())
