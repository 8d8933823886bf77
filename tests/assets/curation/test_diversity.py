"""A row that the diversity filter drops never reaches training, and nobody sees the error if the filter is wrong. These
tests compare greedy selection with a simple reference implementation and check the properties that it guarantees."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product
from unittest.mock import patch

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from assets.curation.diversity import RULES
from assets.curation.embeddings import embed
from assets.curation.rule import Nearest
from assets.curation.rules import greedy as greedy_module
from assets.curation.rules.greedy import greedy
from assets.loading.whole import FullDiversity
from resources.models.calls import Vector
from warehouse.core.identity import digest, record_id
from warehouse.schema.records import Embedding, Pair

# Unit vectors whose dot products (-1, -0.5, 0, 0.5 or 1) are exact in floating point for any order of summation.
EXACT = [
    *(tuple(float(sign * (axis == place)) for place in range(4)) for axis in range(4) for sign in (1, -1)),
    *product((0.5, -0.5), repeat=4),
]
EXACT_ROWS = st.lists(st.sampled_from(EXACT), max_size=20)
THRESHOLDS = st.sampled_from([-1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 0.9, 1.0])
DIVERSITY = FullDiversity(embedder="embedder", similarity=0.9)
diversify = RULES["greedy"].diversify


def unit(rows: Sequence[Sequence[float]]) -> NDArray[np.float32]:
    vectors = np.array(rows, dtype=np.float64).reshape(len(rows), -1)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


ANY_ROWS = st.lists(st.lists(st.integers(-9, 9), min_size=3, max_size=3).filter(any), min_size=1, max_size=20).map(unit)


def reference(rows: Sequence[Sequence[float]], order: Sequence[int], threshold: float) -> list[Nearest]:
    """Reference implementation of greedy selection that compares one pair of rows at a time."""
    kept: list[int] = []
    found: dict[int, Nearest] = {}
    for row in order:
        nearest, similarity = None, -1.0
        for other in kept:
            cosine = sum(a * b for a, b in zip(rows[row], rows[other], strict=True))
            if nearest is None or cosine > similarity:
                nearest, similarity = other, cosine
        found[row] = Nearest(nearest, similarity, similarity <= threshold)
        if similarity <= threshold:
            kept.append(row)
    return [found[row] for row in range(len(rows))]


def test_greedy_gives_the_documented_example() -> None:
    vectors = np.array([(1, 0), (0.99, 0.14), (0, 1)], dtype=np.float32)
    assert greedy(vectors, [0, 1, 2], 0.9) == [
        Nearest(None, -1.0, True),
        Nearest(0, pytest.approx(0.99), False),
        Nearest(0, 0.0, True),
    ]


def test_the_order_of_rows_decides_which_are_kept() -> None:
    vectors = np.array([(1, 0), (0.99, 0.14), (0, 1)], dtype=np.float32)
    assert greedy(vectors, [2, 1, 0], 0.9) == [
        Nearest(1, pytest.approx(0.99), False),
        Nearest(2, pytest.approx(0.14), True),
        Nearest(None, -1.0, True),
    ]


def test_a_similarity_of_exactly_the_threshold_is_kept() -> None:
    vectors = np.array([(1, 0, 0, 0), (0.5, 0.5, 0.5, 0.5)], dtype=np.float32)
    assert [row.kept for row in greedy(vectors, [0, 1], 0.5)] == [True, True]
    assert [row.kept for row in greedy(vectors, [0, 1], 0.49)] == [True, False]


def test_a_row_similar_only_to_a_dropped_row_is_kept() -> None:
    # Neighbours are 20° apart: the third row is similar to the second, which is dropped.
    angles = np.radians([0, 20, 40])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    assert [row.kept for row in greedy(vectors, [0, 1, 2], 0.9)] == [True, False, True]


def test_no_rows_give_an_empty_list() -> None:
    assert greedy(np.empty((0, 4), dtype=np.float32), [], 0.9) == []


@given(rows=EXACT_ROWS, threshold=THRESHOLDS, data=st.data())
def test_greedy_equals_the_reference_implementation(
    rows: list[tuple[float, ...]], threshold: float, data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(rows))))
    vectors = np.array(rows, dtype=np.float32).reshape(len(rows), 4)
    assert greedy(vectors, order, threshold) == reference(rows, order, threshold)


@given(vectors=ANY_ROWS, threshold=st.floats(-1, 1), block=st.integers(1, 8), tile=st.integers(1, 8))
def test_block_sizes_do_not_change_the_result(
    vectors: NDArray[np.float32], threshold: float, block: int, tile: int
) -> None:
    expected = greedy(vectors, range(len(vectors)), threshold)
    with patch.object(greedy_module, "BLOCK", block), patch.object(greedy_module, "TILE", tile):
        assert greedy(vectors, range(len(vectors)), threshold) == expected


@given(vectors=ANY_ROWS, threshold=st.floats(-1, 1), data=st.data())
def test_no_two_kept_rows_are_more_similar_than_the_threshold(
    vectors: NDArray[np.float32], threshold: float, data: st.DataObject
) -> None:
    found = greedy(vectors, data.draw(st.permutations(range(len(vectors)))), threshold)
    kept = [row for row, nearest in enumerate(found) if nearest.kept]
    assert kept
    for one, other in combinations(kept, 2):
        assert vectors[one] @ vectors[other] <= threshold + 1e-6


@given(vectors=ANY_ROWS, threshold=st.floats(-1, 1), data=st.data())
def test_every_duplicate_points_to_a_kept_row_above_the_threshold(
    vectors: NDArray[np.float32], threshold: float, data: st.DataObject
) -> None:
    found = greedy(vectors, data.draw(st.permutations(range(len(vectors)))), threshold)
    for row, nearest in enumerate(found):
        if not nearest.kept:
            assert nearest.index is not None
            assert found[nearest.index].kept
            assert nearest.similarity > threshold
            assert nearest.similarity == pytest.approx(vectors[row] @ vectors[nearest.index], abs=1e-6)


@given(vectors=ANY_ROWS, data=st.data())
def test_filtering_kept_rows_again_drops_none(vectors: NDArray[np.float32], data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(vectors))))
    found = greedy(vectors, order, 0.9)
    kept = [row for row in order if found[row].kept]
    # The sums may run in another order in a matrix of another shape, so the threshold is slightly higher.
    assert all(row.kept for row in greedy(vectors[kept], range(len(kept)), 0.9 + 1e-6))


def pair(number: int) -> dict[str, str]:
    return {
        "id": digest(["pair", number]),
        "method": "self_instruct",
        "level": "",
        "instruction": f"What is {number}?",
        "input": "",
        "response": "A number.",
    }


def pairs(count: int) -> pl.DataFrame:
    return pl.DataFrame([pair(number) for number in range(count)], schema=dict.fromkeys(pair(0), pl.String))


def embeddings(*vectors: Sequence[float]) -> pl.DataFrame:
    """Embeddings of the pairs 0, 1, … in reverse order, because their order must not matter."""
    return pl.DataFrame(
        {"embedded": [pair(number)["id"] for number in range(len(vectors))], "vector": list(vectors)},
        schema={"embedded": pl.String, "vector": pl.List(pl.Float32)},
    ).reverse()


def quality(of: dict[int, float]) -> pl.DataFrame:
    return pl.DataFrame({"pair": [pair(number)["id"] for number in of], "value": list(of.values())})


NEAR, NEARER, FAR = (1.0, 0.0), (0.99, 0.14), (0.0, 1.0)


def test_without_perplexity_the_first_pair_in_order_is_kept() -> None:
    result = diversify(pairs(3), embeddings(NEAR, NEARER, FAR), None, DIVERSITY)
    assert result.model is Pair
    assert result.kept.rows(named=True) == [pair(0), pair(2)]
    assert result.decisions.rows() == [
        (pair(0)["id"], "kept", None, None, 0.9, None),
        (pair(2)["id"], "kept", None, 0.0, 0.9, None),
        (pair(1)["id"], "duplicate", "similar instruction", pytest.approx(0.99), 0.9, pair(0)["id"]),
    ]
    assert len(result.edges) == 0


def test_with_perplexity_the_lowest_is_kept_and_row_order_is_preserved() -> None:
    result = diversify(pairs(3), embeddings(NEAR, NEARER, FAR), quality({0: 9.0, 1: 3.0, 2: 5.0}), DIVERSITY)
    assert result.kept["id"].to_list() == [pair(1)["id"], pair(2)["id"]]
    assert result.decisions.select("record", "outcome", "duplicate_of").rows()[2] == (
        pair(0)["id"],
        "duplicate",
        pair(1)["id"],
    )


def test_pairs_without_perplexity_come_last_and_ties_keep_row_order() -> None:
    vectors = embeddings(NEAR, NEARER, NEARER)
    assert diversify(pairs(3), vectors, quality({1: 90.0}), DIVERSITY).kept["id"].to_list() == [pair(1)["id"]]
    equal = quality({0: 5.0, 1: 3.0, 2: 3.0})
    assert diversify(pairs(3), vectors, equal, DIVERSITY).kept["id"].to_list() == [pair(1)["id"]]


def test_embeddings_of_already_filtered_pairs_are_ignored() -> None:
    result = diversify(pairs(3)[1:], embeddings(NEAR, NEARER, FAR), None, DIVERSITY)
    assert result.kept["id"].to_list() == [pair(1)["id"], pair(2)["id"]]


def test_no_pairs_give_an_empty_result() -> None:
    result = diversify(pairs(0), embeddings(), None, DIVERSITY)
    assert (len(result.kept), len(result.decisions)) == (0, 0)


@settings(deadline=None)
@given(
    rows=st.lists(st.sampled_from(EXACT), min_size=1, max_size=12),
    threshold=THRESHOLDS,
    values=st.none() | st.lists(st.floats(1, 9), min_size=12, max_size=12),
)
def test_every_pair_gets_one_decision_and_keeps_its_id(
    rows: list[tuple[float, ...]], threshold: float, values: list[float] | None
) -> None:
    frame = pairs(len(rows))
    measured = quality(dict(enumerate(values[: len(rows)]))) if values else None
    changed = DIVERSITY.model_copy(update={"similarity": threshold})
    result = diversify(frame, embeddings(*rows), measured, changed)
    assert sorted(result.decisions["record"]) == sorted(frame["id"])
    assert len(result.kept) + len(result.dropped) == len(rows)
    duplicates = result.decisions.filter(pl.col("outcome") == "duplicate")
    assert set(duplicates["duplicate_of"]) <= set(result.kept["id"])
    assert (duplicates["score"] > threshold).all()
    if values:
        best = min(range(len(rows)), key=lambda number: (values[number], number))
        assert pair(best)["id"] in set(result.kept["id"])


def test_an_embedding_has_edges_to_its_pair_and_its_call() -> None:
    vectors = [
        Vector(np.array([1.0, 0.0], dtype=np.float32), digest("call 0")),
        Vector(np.array([0.5, -0.5], dtype=np.float32), digest("call 1")),
    ]
    result = embed(pairs(2), vectors)
    assert result.model is Embedding
    assert result.kept.schema["vector"] == pl.List(pl.Float32)
    assert result.kept.rows() == [
        (
            record_id("embedding", {"embedded": pair(number)["id"], "vector": vector.values.tolist()}, parents),
            pair(number)["id"],
            vector.values.tolist(),
        )
        for number, vector in enumerate(vectors)
        for parents in [[(pair(number)["id"], "embedded"), (vector.call, "call")]]
    ]
    assert result.edges.rows() == [
        (result.kept["id"][number], *parent)
        for number in range(2)
        for parent in [(pair(number)["id"], "embedded"), (digest(f"call {number}"), "call")]
    ]


def test_pairs_with_the_same_instruction_get_separate_embeddings() -> None:
    same = Vector(np.array([1.0, 0.0], dtype=np.float32), digest("call"))
    assert embed(pairs(2), [same, same]).kept["id"].n_unique() == 2


def test_a_missing_embedding_is_an_error() -> None:
    with pytest.raises(ValueError, match="shorter"):
        embed(pairs(2), [Vector(np.array([1.0], dtype=np.float32), digest("call"))])
