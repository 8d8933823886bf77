"""A mixed arm says how much of each method it has. These tests check that the shares are exact, that no response is in
the mix twice, and that what is left out is on record."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.enhancement.filtering import decide
from assets.enhancement.shares import REASON, beyond
from assets.planning.graph import steps
from tests.support.recipes import complaints, parsed, put, starter
from warehouse.core.identity import digest


def pool(method: str, responses: list[str]) -> pl.DataFrame:
    rows = [
        {"id": digest([method, text]), "method": method, "level": "", "instruction": f"What is {text}?", "input": ""}
        | {"response": text}
        for text in responses
    ]
    return pl.DataFrame(rows)


def mixed(pools: dict[str, pl.DataFrame], shares: dict[str, float]) -> dict[str, list[str]]:
    """The responses of the mix by method."""
    left_out = beyond(pools, shares, 7)
    return {name: frame.filter(~pl.col("id").is_in(left_out))["response"].to_list() for name, frame in pools.items()}


def texts(prefix: str, count: int) -> list[str]:
    return [f"{prefix} {number}" for number in range(count)]


def test_pools_of_other_texts_are_cut_to_their_shares() -> None:
    found = mixed({"a": pool("a", texts("x", 90)), "b": pool("b", texts("y", 10))}, {"a": 0.75, "b": 0.25})
    assert {name: len(taken) for name, taken in found.items()} == {"a": 30, "b": 10}


def test_of_one_text_in_two_pools_one_pair_is_taken() -> None:
    same = texts("x", 400)
    found = mixed({"a": pool("a", same), "b": pool("b", same)}, {"a": 0.75, "b": 0.25})
    assert not set(found["a"]) & set(found["b"])
    assert len(found["a"]) == pytest.approx(3 * len(found["b"]), abs=2)
    assert len(found["a"]) + len(found["b"]) >= 340


@given(
    first=st.sets(st.integers(0, 30), min_size=1),
    second=st.sets(st.integers(0, 30), min_size=1),
    part=st.floats(0.1, 0.9),
)
def test_the_shares_hold_to_one_pair_whatever_the_pools_are(first: set[int], second: set[int], part: float) -> None:
    pools = {name: pool(name, [f"x {one}" for one in sorted(own)]) for name, own in (("a", first), ("b", second))}
    found = mixed(pools, {"a": part, "b": 1 - part})
    assert not set(found["a"]) & set(found["b"])
    total = len(found["a"]) / part
    assert abs(len(found["b"]) - total * (1 - part)) <= 1 + (1 - part) / part


def test_what_is_left_out_is_rejected_with_its_reason() -> None:
    pools = {"a": pool("a", texts("x", 3)), "b": pool("b", texts("y", 9))}
    left_out = beyond(pools, {"a": 0.5, "b": 0.5}, 7)
    result = decide(pools, {}, None, None, unmixed=left_out)
    assert result.counts() == {("kept", ""): 6, ("rejected", REASON): 6}


def with_shares(shares: dict[str, float]) -> dict[str, Any]:
    arm = {"methods": ["self_training", "instruction_generation"], "filters": ["heuristics"], "shares": shares}
    return put(starter(), "arms.mixed", arm)


def test_the_shares_of_an_arm_are_in_its_version_alone() -> None:
    found = {
        step.asset: step for step in steps(parsed(with_shares({"self_training": 0.5, "instruction_generation": 0.5})))
    }
    step = found["enhanced_instructions/mixed"]
    assert step.slice["arms.mixed.shares"] == {"self_training": 0.5, "instruction_generation": 0.5}
    assert step.remedies[REASON] == "arms.mixed.shares"
    assert "seed" not in found["enhanced_instructions/self_training"].slice


@pytest.mark.parametrize("shares", [{"self_training": 0.5}, {"self_training": 0.5, "instruction_generation": 0.4}])
def test_shares_must_cover_all_methods_and_add_up(shares: dict[str, float]) -> None:
    arm = with_shares(shares)["arms"]["mixed"]
    assert complaints(("arms.mixed", arm)) == [
        f"arms.mixed.shares: found {shares!r}; it must give each of self_training, instruction_generation a share, and "
        "they must add up to 1"
    ]
