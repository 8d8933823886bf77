"""Which rows are alike decides what is dropped. A pair that a fast search misses would stay in twice, so it must find
exactly what comparing all pairs in double precision finds, whatever the vectors look like."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from resources.models import near_pairs as module
from resources.models.near_pairs import NearPairs, TooManyPairs, near_pairs

Vectors = NDArray[np.float32]
WORKED = np.array([[1, 0], [0.8, 0.6], [0, 1]], dtype=np.float32)


def unit(vectors: NDArray[np.floating]) -> Vectors:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def in_groups(rows: int, dimensions: int, noise: float) -> Vectors:
    draw = np.random.default_rng(rows)
    centres = draw.standard_normal((max(1, rows // 5), dimensions))
    return unit(centres[draw.integers(0, len(centres), rows)] + noise * draw.standard_normal((rows, dimensions)))


def with_large_components(rows: int) -> Vectors:
    """Rounding hardly sees the other components."""
    vectors = np.random.default_rng(rows).standard_normal((rows, 48))
    vectors[:, 7] *= 40
    return unit(vectors)


def listed(found: NearPairs) -> list[tuple[int, int, float]]:
    return list(zip(found.later.tolist(), found.earlier.tolist(), found.cosine.tolist(), strict=True))


def by_brute_force(vectors: Vectors, floor: float, known: int = 0) -> list[tuple[int, int, float]]:
    wide = vectors.astype(np.float64)
    pairs = [(later, earlier) for later in range(known, len(vectors)) for earlier in range(later)]
    cosines = [float(np.float32((wide[later] * wide[earlier]).sum())) for later, earlier in pairs]
    return [(*pair, cosine) for pair, cosine in zip(pairs, cosines, strict=True) if cosine >= floor]


def test_the_worked_example() -> None:
    assert [(later, earlier) for later, earlier, _ in listed(near_pairs(WORKED, 0.6))] == [(1, 0), (2, 1)]
    assert near_pairs(WORKED, 0.6).cosine.tolist() == pytest.approx([0.8, 0.6])
    assert listed(near_pairs(WORKED[:0], 0.6)) == []


@pytest.mark.parametrize("floor", [0.5, 0.8, 0.95])
@pytest.mark.parametrize(
    "vectors",
    [in_groups(300, 384, 0.4), in_groups(257, 31, 0.2), with_large_components(200), unit(np.eye(40, 64) + 0.01)],
    ids=["groups", "odd", "large", "orthogonal"],
)
def test_all_pairs_are_found(vectors: Vectors, floor: float, monkeypatch: pytest.MonkeyPatch) -> None:
    # Several tiles in both directions, of which the last are narrower.
    monkeypatch.setattr(module, "BLOCK", 64)
    expected = by_brute_force(vectors, floor)
    assert listed(near_pairs(vectors, floor)) == expected
    assert listed(near_pairs(vectors, floor, known=100)) == [one for one in expected if one[0] >= 100]


@settings(max_examples=60)
@given(
    rows=st.lists(st.lists(st.floats(-1, 1, width=32), min_size=3, max_size=3).filter(any), max_size=12),
    floor=st.floats(0.5, 1),
    known=st.integers(0, 3),
)
def test_any_vectors_of_length_one_give_what_brute_force_gives(
    rows: list[list[float]], floor: float, known: int
) -> None:
    vectors = unit(np.array(rows, dtype=np.float64).reshape(-1, 3))
    assert listed(near_pairs(vectors, floor, known)) == by_brute_force(vectors, floor, known)


def test_a_processor_that_adds_in_16_bits_gets_smaller_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    def saturating(rows: torch.Tensor, columns: torch.Tensor, **more: torch.Tensor) -> torch.Tensor:
        """As where two products of an unsigned and a signed number are added in 16 bits."""
        wide, other = rows.int() + 128, columns.int()
        halves = [wide[:, [place]] * other[[place]] for place in range(wide.shape[1])]
        twos = [(one + two).clamp(-(2**15), 2**15 - 1) for one, two in zip(halves[::2], halves[1::2], strict=True)]
        found = sum(twos, torch.zeros_like(halves[0])) - 128 * other.sum(dim=0)
        return found if "out" not in more else more["out"].copy_(found)

    vectors = in_groups(60, 16, 0.2)
    monkeypatch.setattr(torch, "_int_mm", saturating)
    module._adds_up_exactly.cache_clear()
    try:
        assert not module._adds_up_exactly()
        assert listed(near_pairs(vectors, 0.8)) == by_brute_force(vectors, 0.8)
    finally:
        module._adds_up_exactly.cache_clear()


def test_too_many_pairs_are_refused_before_they_fill_the_memory() -> None:
    with pytest.raises(
        TooManyPairs, match=r"^more than 200 pairs per row reach a cosine of 0\.9: found .* of 900 rows; "
    ):
        near_pairs(unit(np.ones((900, 4))), 0.9)


def test_the_caller_keeps_its_threads() -> None:
    before = torch.get_num_threads()
    near_pairs(WORKED, 0.6)
    assert torch.get_num_threads() == before
