"""A row that a diversity rule drops never reaches training, so a wrong rule loses data unnoticed. These tests compare
each rule with a brute-force version, its documented example and its guarantees. A setting that the rule ignores is
an error."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from rouge_score.rouge_scorer import RougeScorer

from assets.curation.diversity import RULES
from assets.curation.rule import Nearest
from assets.curation.rules.k_center import k_center
from assets.curation.rules.rouge_l import lexical
from assets.curation.rules.semdedup import semdedup
from assets.loading.whole import FullDiversity
from assets.planning.graph import steps
from tests.support.building import build, edit, query
from tests.support.recipes import complaints, parsed, put, starter
from warehouse.core.identity import digest

WORKED = np.array([(1, 0), (0.99, 0.14), (0, 1)], dtype=np.float32)
# Unit vectors whose dot products are exact in floating point.
EXACT = [
    *(tuple(float(sign * (axis == place)) for place in range(4)) for axis in range(4) for sign in (1, -1)),
    *product((0.5, -0.5), repeat=4),
]
ROWS = st.lists(st.sampled_from(EXACT), min_size=1, max_size=15).map(lambda rows: np.array(rows, dtype=np.float32))


def kept(found: Sequence[Nearest]) -> list[int]:
    return [row for row, one in enumerate(found) if one.kept]


def test_semdedup_keeps_the_near_copy_farthest_from_the_centroid() -> None:
    found = semdedup(WORKED, [0, 1, 2], 0.1, 1, 7)
    assert kept(found) == [0, 2]
    assert (found[1].index, found[1].similarity) == (0, pytest.approx(0.99))
    assert kept(semdedup(WORKED, [0, 1, 2], 0.005, 1, 7)) == [0, 1, 2]


@pytest.mark.parametrize(("epsilon", "left"), [(0.5001, [0]), (0.5, [0, 1]), (0.4999, [0, 1])])
def test_semdedup_keeps_a_row_exactly_at_the_threshold(epsilon: float, left: list[int]) -> None:
    # Both are equally similar to the centroid, and their cosine is exactly 0.5.
    vectors = np.array([(1, 0, 0, 0), (0.5, 0.5, 0.5, 0.5)], dtype=np.float32)
    assert kept(semdedup(vectors, [0, 1], epsilon, 1, 7)) == left


@settings(deadline=None, max_examples=40)
@given(vectors=ROWS, clusters=st.none() | st.integers(1, 5), epsilon=st.sampled_from([0.0, 0.3, 0.5, 2.0]))
def test_semdedup_drops_only_near_copies_of_kept_rows(
    vectors: NDArray[np.float32], clusters: int | None, epsilon: float
) -> None:
    order = list(range(len(vectors)))
    found = semdedup(vectors, order, epsilon, clusters, 7)
    assert found == semdedup(vectors, order, epsilon, clusters, 7)
    for row, one in enumerate(found):
        if not one.kept:
            assert one.index is not None and found[one.index].kept
            assert float(vectors[row] @ vectors[one.index]) == one.similarity > np.float32(1 - epsilon)
    if clusters == 1:
        left = kept(found)
        assert all(vectors[a] @ vectors[b] <= np.float32(1 - epsilon) for a in left for b in left if a < b)


def test_k_center_selects_the_first_row_and_then_the_farthest() -> None:
    found = k_center(WORKED, [0, 1, 2], 2)
    assert kept(found) == [0, 2]
    assert (found[1].index, found[1].similarity) == (0, pytest.approx(0.99))
    assert kept(k_center(WORKED, [1, 2, 0], 1)) == [1]
    assert kept(k_center(WORKED, [0, 1, 2], 9)) == [0, 1, 2]


def centres_of(vectors: NDArray[np.float32], order: Sequence[int], select: int) -> list[int]:
    """Brute-force k-center: choose one row at a time."""
    chosen = [order[0]]
    while len(chosen) < min(select, len(order)):
        left = [row for row in order if row not in chosen]
        chosen.append(min(left, key=lambda row: max(float(vectors[row] @ vectors[one]) for one in chosen)))
    return sorted(chosen)


@given(vectors=ROWS, select=st.integers(1, 15), data=st.data())
def test_k_center_equals_a_brute_force_search(vectors: NDArray[np.float32], select: int, data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(vectors))))
    found = k_center(vectors, order, select)
    assert kept(found) == centres_of(vectors, order, select)
    for row, one in enumerate(found):
        if not one.kept:
            cosines = {centre: float(vectors[row] @ vectors[centre]) for centre in kept(found)}
            assert one.index is not None
            assert cosines[one.index] == max(cosines.values()) == pytest.approx(one.similarity)


TEXTS = st.lists(st.lists(st.sampled_from("abcd"), max_size=5).map(" ".join), max_size=10)


def test_rouge_l_drops_texts_with_nearly_the_same_words_in_order() -> None:
    found = lexical(["Name a red fish.", "Name a red fruit.", "Fish red a name?"], [0, 1, 2], 0.7)
    assert kept(found) == [0, 2]
    assert (found[1].index, found[1].similarity) == (0, 0.75)
    assert kept(lexical(["Name a red fish.", "Name a red fruit."], [0, 1], 0.75)) == [0, 1]


@settings(deadline=None, max_examples=60)
@given(texts=TEXTS, threshold=st.sampled_from([0.1, 0.5, 0.7, 1.0]), data=st.data())
def test_rouge_l_equals_a_brute_force_search(texts: list[str], threshold: float, data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(texts))))
    scorer, left = RougeScorer(["rougeL"], use_stemmer=False), list[int]()
    for row in order:
        if all(scorer.score(texts[other], texts[row])["rougeL"].fmeasure <= threshold for other in left):
            left.append(row)
    assert kept(lexical(texts, order, threshold)) == sorted(left)


def test_k_center_and_rouge_l_accept_no_rows() -> None:
    assert k_center(WORKED[:0], [], 3) == []
    assert lexical([], [], 0.7) == []


def pair(number: int, instruction: str) -> dict[str, str]:
    content = {"method": "m", "level": "", "instruction": instruction, "input": "", "response": "It is."}
    return {"id": digest(["pair", number]), **content}


PAIRS = pl.DataFrame([pair(0, "Name a red fish."), pair(1, "Name a red fruit."), pair(2, "Why is it?")])
EMBEDDINGS = pl.DataFrame(
    {"embedded": PAIRS["id"], "vector": WORKED.tolist()}, schema_overrides={"vector": pl.List(pl.Float32)}
)


NEIGHBOURS = pl.DataFrame(
    {"embedded": PAIRS["id"], "near": [[], [PAIRS["id"][0]], []], "cosines": [[], [0.99], []]},
    schema_overrides={"near": pl.List(pl.String), "cosines": pl.List(pl.Float32)},
)


@pytest.mark.parametrize(
    ("said", "dropped"),
    [
        ({"rule": "neighbours"}, ("duplicate", "similar instruction", 0.99, 0.9)),
        ({"rule": "greedy"}, ("duplicate", "similar instruction", 0.99, 0.9)),
        ({"rule": "semdedup", "clusters": 1}, ("duplicate", "near copy in its cluster", 0.99, 0.9)),
        ({"rule": "k_center", "select": 2}, ("rejected", "not selected", 0.99, None)),
        ({"rule": "rouge_l"}, ("duplicate", "ROUGE-L", 0.75, 0.7)),
        ({"rule": "minhash", "of": "instruction", "run": 2, "jaccard": 0.4}, ("duplicate", "near duplicate", 0.5, 0.4)),
    ],
)
def test_each_rule_records_why_and_because_of_which_row_it_drops(
    said: dict[str, Any], dropped: tuple[Any, ...]
) -> None:
    rule = RULES[said["rule"]]
    embedded = NEIGHBOURS if rule.compared else EMBEDDINGS if rule.embeds else None
    result = rule.diversify(PAIRS, embedded, None, FullDiversity(embedder="embedder", **said), seed=7)
    assert result.kept["id"].to_list() == [PAIRS["id"][0], PAIRS["id"][2]]
    (row,) = result.decisions.filter(pl.col("outcome") != "kept").rows(named=True)
    outcome, reason, score, cut = dropped
    assert (row["record"], row["duplicate_of"], row["outcome"], row["reason"]) == (
        *PAIRS["id"].to_list()[1::-1],
        outcome,
        reason,
    )
    assert (row["score"], row["cut"]) == (pytest.approx(score, abs=1e-6), cut and pytest.approx(cut))


def test_the_better_of_two_similar_pairs_is_kept() -> None:
    quality = pl.DataFrame({"pair": PAIRS["id"], "value": [5.0, 2.0, 3.0]})
    said, diversify = FullDiversity(rule="rouge_l"), RULES["rouge_l"].diversify
    assert diversify(PAIRS, None, quality, said).kept["id"].to_list() == PAIRS["id"].to_list()[1:]
    assert diversify(PAIRS, None, quality, said, highest_first=True).kept["id"].to_list() == PAIRS["id"].to_list()[::2]


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ({"rule": "greedy"}, "curation.diversity.embedder: found nothing; the rule greedy needs it; name a model"),
        (
            {"rule": "k_center", "embedder": "embedder"},
            "curation.diversity.select: found nothing; the rule k_center needs it: the number of rows that it keeps",
        ),
        (
            {"rule": "rouge_l", "similarity": 0.9},
            "curation.diversity.similarity: found 0.9; the rule rouge_l uses only rouge_l",
        ),
        (
            {"rule": "semdedup", "embedder": "embedder", "select": 3},
            "curation.diversity.select: found 3; the rule semdedup uses only epsilon, clusters",
        ),
    ],
)
def test_settings_that_a_rule_lacks_or_ignores_are_reported(said: dict[str, Any], line: str) -> None:
    assert complaints(("curation.diversity", said)) == [line]


def test_a_lexical_rule_needs_no_embeddings() -> None:
    recipe = parsed(put(starter(), "curation.diversity", {"rule": "rouge_l"}))
    assert not [step.asset for step in steps(recipe) if "embedding" in step.asset]


@pytest.mark.parametrize(
    "said", [{"rule": "semdedup"}, {"rule": "k_center", "select": 2}, {"rule": "rouge_l"}, {"rule": "minhash"}]
)
def test_changing_the_rule_rebuilds_without_model_calls(own: tuple[Path, Path], said: dict[str, Any]) -> None:
    recipe, data = own
    asset = "diverse_instructions/instruction_generation"

    def other(values: dict[str, Any]) -> None:
        values["curation"]["diversity"] = {"embedder": "embedder", **said}

    edit(recipe, other)
    log, failures = build(recipe, data, asset)
    assert (failures, log.actions, log.computed) == ([], {asset: "built"}, {asset: 0})
    assert query(data, f"SELECT count(*) AS n FROM {asset.replace('/', '__')}")["n"][0] > 0
