"""If one row could be both a seed and a benchmark item, every score would be worthless and nobody would notice.
So these tests check the partition's properties on any rows, and its exact values: another hash would move every row
without a warning."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.sources import partition
from assets.sources.partition import in_slice, place, position, row_identity, slices_overlap

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
PERCENT = st.floats(0, 100)
IDENTITIES = st.lists(st.text(max_size=8), unique=True, max_size=40)


def canonical(row: object) -> bytes:
    return json.dumps(row, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def test_the_identity_of_a_row_is_the_hash_of_its_canonical_json() -> None:
    expected = hashlib.sha256('{"a":[1,null],"b":"é"}'.encode()).hexdigest()
    assert row_identity({"b": "é", "a": [1, None]}) == expected


@given(row=st.dictionaries(st.text(), JSON_VALUES | st.floats(allow_nan=False) | st.integers(), max_size=4))
def test_a_faster_writer_of_json_changes_no_identity(row: dict[str, object]) -> None:
    assert row_identity(row) == hashlib.sha256(canonical(row)).hexdigest()


def test_numbers_and_characters_that_writers_of_json_disagree_about_have_fixed_identities() -> None:
    for value in (1e16, -0.0, 2**63, 2**64, -(2**63) - 1, '\x00\x1f\x7f\u2028/\\"', "\U0001f600", True, 1):
        assert row_identity({"a": value}) == hashlib.sha256(canonical({"a": value})).hexdigest()
    with pytest.raises(UnicodeEncodeError):
        row_identity({"a": "\ud800"})


@given(row=st.dictionaries(st.text(), JSON_VALUES, max_size=4))
def test_the_order_of_keys_does_not_change_the_identity(row: dict[str, object]) -> None:
    assert row_identity(dict(reversed(row.items()))) == row_identity(row)


@given(row=st.dictionaries(st.text(), JSON_VALUES, max_size=4), other=st.text())
def test_another_value_is_another_identity(row: dict[str, object], other: str) -> None:
    assert (row_identity({**row, "a": other}) == row_identity({**row, "a": "x"})) == (other == "x")


def test_a_value_that_json_cannot_hold_is_refused() -> None:
    with pytest.raises(TypeError):
        row_identity({"a": b"bytes"})


def test_positions_are_fixed() -> None:
    first = int(hashlib.sha256(b"saltid").hexdigest(), 16) >> (256 - 53)
    assert position("id", "salt") == first / 2**53 * 100
    assert [round(position(name), 6) for name in ("a", "b", "c")] == [79.137427, 24.273539, 18.159747]


def test_the_highest_hash_lies_below_100() -> None:
    assert partition._percent(2**53 - 1) < 100
    assert partition._percent(0) == 0


@given(identity=st.text(), salt=st.text())
def test_a_position_lies_in_the_range(identity: str, salt: str) -> None:
    assert 0 <= position(identity, salt) < 100


@given(identities=IDENTITIES, cut=PERCENT, salt=st.text(max_size=4))
def test_two_slices_cover_everything_and_share_nothing(identities: list[str], cut: float, salt: str) -> None:
    low = {identity for identity in identities if in_slice(identity, (0, cut), salt)}
    high = {identity for identity in identities if in_slice(identity, (cut, 100), salt)}
    assert low & high == set()
    assert low | high == set(identities)


@given(identity=st.text(), bounds=st.lists(PERCENT, min_size=4, max_size=4))
def test_a_row_in_two_slices_means_that_they_overlap(identity: str, bounds: list[float]) -> None:
    a = (min(bounds[:2]), max(bounds[:2]))
    b = (min(bounds[2:]), max(bounds[2:]))
    assert slices_overlap(a, b) == slices_overlap(b, a)
    if in_slice(identity, a) and in_slice(identity, b):
        assert slices_overlap(a, b)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((0, 80), (80, 100), False),
        ((0, 80), (79.9, 100), True),
        ((0, 100), (40, 50), True),
        ((0, 100), (50, 50), False),
        ((0, 10), (20, 30), False),
    ],
)
def test_slices_that_touch_do_not_overlap(a: tuple[float, float], b: tuple[float, float], expected: bool) -> None:
    assert slices_overlap(a, b) is expected


def test_a_slice_gets_its_share() -> None:
    assert sum(in_slice(str(number), (0, 25), "share") for number in range(4000)) == 1016


@pytest.mark.parametrize("slice_", [(60, 40), (-1, 50), (50, 101), (float("nan"), 50)])
def test_an_impossible_slice_is_refused(slice_: tuple[float, float]) -> None:
    with pytest.raises(ValueError) as caught:
        in_slice("id", slice_)
    assert str(caught.value) == (
        f"found the slice [{slice_[0]}, {slice_[1]}), but 0 <= start <= end <= 100 is needed (percent)"
    )


def test_the_order_is_fixed_and_follows_the_salt() -> None:
    assert sorted("abcdef", key=place) == list("fdeacb")
    assert sorted("abcdef", key=lambda one: place(one, "other")) == list("cbdeaf")
    assert place("id", "salt") == int(hashlib.sha256(b"order\0salt\0id").hexdigest(), 16)


def test_the_first_in_order_are_spread_over_all_slices() -> None:
    first = sorted(map(str, range(1000)), key=place)[:100]
    assert sum(in_slice(identity, (0, 50)) for identity in first) == 52
