"""Who tries several cuts on a million rows waits for comparisons once. So the rule that reads measured neighbours
must keep the very rows of the one that compares, and a build must compare only what is new."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.curation.near import near_among
from assets.curation.neighbours import COMPARED
from assets.curation.rules.greedy import greedy
from assets.curation.rules.neighbours import by_neighbours
from assets.planning.planned import Certainty
from resources.models.near_pairs import near_pairs
from resources.tools import forecast
from tests.support.building import build, edit, planned, query, store
from warehouse.core.identity import digest

ASSET, READER = "instruction_neighbours/self_instruct", "diverse_instructions/self_instruct"
ROWS = st.lists(st.tuples(*3 * [st.sampled_from([-1.0, 0.0, 0.4, 1.0])]).filter(any), max_size=14)


@settings(max_examples=100)
@given(rows=ROWS, threshold=st.sampled_from([0.6, 0.7, 0.9, 1.0]), data=st.data())
def test_decisions_are_those_of_greedy_but_for_scores_below_the_floor(
    rows: list[tuple[float, ...]], threshold: float, data: st.DataObject
) -> None:
    vectors = np.array(rows, dtype=np.float64).reshape(-1, 3)
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    order, ids = data.draw(st.permutations(range(len(rows)))), [digest(row) for row in range(len(rows))]
    records = pl.DataFrame({"embedded": ids, "near": [[] for _ in ids], "cosines": [[] for _ in ids]}).to_dicts()
    for later, earlier, cosine in zip(*vars(near_pairs(vectors, 0.6)).values(), strict=True):
        records[later]["near"].append(ids[earlier])
        records[later]["cosines"].append(float(cosine))
    schema = {"embedded": pl.String, "near": pl.List(pl.String), "cosines": pl.List(pl.Float32)}
    found = by_neighbours(near_among(pl.DataFrame(records, schema=schema), ids), order, threshold)
    for mine, its in zip(found, greedy(vectors, order, threshold), strict=True):
        assert mine == its or (its.similarity < 0.6 and its.kept and mine.kept and mine.index is None)


def with_the_rule(values: dict[str, Any]) -> None:
    values["curation"]["diversity"] |= {"rule": "neighbours", "floor": 0.6}


@pytest.fixture
def measured(own: tuple[Path, Path]) -> tuple[Path, Path]:
    """A recipe whose arms read measured neighbours, built up to one of them."""
    recipe, data = own
    edit(recipe, with_the_rule)
    rebuild(recipe, data)
    return recipe, data


def rebuild(recipe: Path, data: Path, reader: str = READER) -> dict[str, str]:
    log, failures = build(recipe, data, f"+{reader}")
    assert failures == []
    return log.actions


def compared(data: Path, asset: str = ASSET) -> int:
    """How many new pairs the current version of the asset compared."""
    current = store(data).current(asset)
    assert current is not None
    number: int = store(data).facts(current)["notes"][COMPARED]
    return number


def content(data: Path, asset: str) -> list[dict[str, Any]]:
    current = store(data).current(asset)
    assert current is not None
    return store(data).read(current).to_dicts()


def test_the_rows_kept_are_those_of_the_rule_that_compares(own: tuple[Path, Path]) -> None:
    recipe, data = own
    before = content(data, READER)
    edit(recipe, with_the_rule)
    assert rebuild(recipe, data) == {ASSET: "built", READER: "built"}
    assert content(data, READER) == before
    pairs = len(content(data, "raw_self_instruct"))
    assert (len(content(data, ASSET)), compared(data)) == (pairs, pairs)
    near = query(data, f'SELECT sum(len(near)) AS pairs FROM "{ASSET.replace("/", "__")}"')["pairs"].item()
    assert near > 0


def test_another_cut_compares_nothing(measured: tuple[Path, Path]) -> None:
    recipe, data = measured
    edit(recipe, lambda values: values["curation"]["diversity"].update(similarity=0.7))
    assert rebuild(recipe, data) == {READER: "built"}


def test_new_pairs_are_compared_with_all_and_lost_ones_are_left_out(own: tuple[Path, Path], tmp_path: Path) -> None:
    recipe, data = own
    asset, reader = ASSET.replace("self_instruct", "self_training"), READER.replace("self_instruct", "self_training")

    def rebuilt_with(count: int) -> tuple[str, int, int]:
        def change(values: dict[str, Any]) -> None:
            with_the_rule(values)
            values["generation"]["self_training"]["count"] = count
            values["arms"]["self_training"]["filters"] = ["diversity"]

        edit(recipe, change)
        actions = rebuild(recipe, data, reader)
        return actions[asset], len(content(data, asset)), compared(data, asset)

    action, few, new = rebuilt_with(8)
    assert (action, new) == ("built", few)
    action, whole, new = rebuilt_with(12)
    assert (action, new) == ("built", whole - few)
    assert 0 < new < whole
    assert build(recipe, tmp_path / "fresh", f"+{reader}")[1] == []
    assert content(tmp_path / "fresh", asset) == content(data, asset)
    assert compared(tmp_path / "fresh", asset) == whole
    action, fewer, new = rebuilt_with(6)
    assert (action, new) == ("built", 0)
    assert fewer < few


def test_another_floor_compares_all(measured: tuple[Path, Path]) -> None:
    recipe, data = measured
    edit(recipe, lambda values: values["curation"]["diversity"].update(floor=0.7))
    assert rebuild(recipe, data)[ASSET] == "built"
    assert compared(data) == len(content(data, ASSET))


def test_a_plan_knows_what_follows_and_leaves_long_comparisons_to_the_build(
    own: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, data = own
    edit(recipe, with_the_rule)
    pairs = len(content(data, "raw_self_instruct"))
    plan = planned(recipe, data)
    assert (plan[ASSET].rows, plan[READER].same_content) == (pairs, True)
    monkeypatch.setattr(forecast, "FEW_COMPARISONS", 0)
    plan = planned(recipe, data)
    assert (plan[ASSET].certainty, plan[ASSET].most_rows, plan[ASSET].calls) == (Certainty.BOUNDED, pairs, 0)
    assert plan[READER].most_rows is not None
