"""Pairs and their perplexities, for the tests of filters."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from warehouse.core.identity import digest


def pair(number: int, instruction: str = "what is that", response: str = "it is a thing") -> dict[str, str]:
    return {
        "id": digest(["pair", number]),
        "method": "self_training",
        "level": "",
        "instruction": f"{instruction} {number}",
        "input": "",
        "response": response,
    }


def perplexities(of: Mapping[int, float | None], measure: str = "response_given_instruction") -> pl.DataFrame:
    rows = [
        {
            "id": digest(["perplexity", number]),
            "pair": pair(number)["id"],
            "measure": measure,
            "value": value,
            "tokens": 4,
        }
        for number, value in of.items()
    ]
    return pl.DataFrame(rows)
