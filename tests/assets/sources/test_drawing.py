"""A draw looks at few rows of a large source. If it missed one that belongs to the sample, or lost one from its counts,
nobody would see it. So it is compared with sorting all rows, for any rows in any order."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.sources import drawing
from assets.sources.candidates import Candidate, Verdict
from assets.sources.drawing import Draw, Judged

ROWS = st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=40)


def drawn(rows: list[tuple[int, bool]], want: int) -> tuple[Draw, list[tuple[int, bool]], list[int]]:
    """The draw of rows (place, whether it passes), what it drew in order, and the places that it looked at."""
    looked: list[int] = []

    def judge(one: Candidate) -> Judged:
        looked.append(one.row["place"])  # type: ignore[arg-type]
        return Judged(one.row, None if one.row["passes"] else Verdict("too short", score=one.row["place"]))  # type: ignore[arg-type]

    draw = Draw(want, judge)
    for index, (place, passes) in enumerate(rows):
        row = {"place": place, "passes": passes}
        draw.offer((place, index), Candidate(row, row, "", ""))
    found = [(one.content["place"], one.verdict is None) for one in draw.drawn()]
    return draw, found, looked


@given(rows=ROWS, want=st.integers(1, 10))
def test_it_draws_what_sorting_all_rows_would(rows: list[tuple[int, bool]], want: int) -> None:
    draw, found, _ = drawn(rows, want)
    ordered = [rows[index] for index in sorted(range(len(rows)), key=lambda index: (rows[index][0], index))]
    passing = [index for index, (_, passes) in enumerate(ordered) if passes]
    # Up to the last row that is wanted, or all rows where fewer pass.
    expected = ordered[: passing[want - 1] + 1] if len(passing) >= want else ordered
    assert found == expected
    assert draw.beyond == len(rows) - len(expected)
    assert draw.more == Counter()


def test_it_does_not_look_at_rows_behind_enough_others() -> None:
    draw, found, looked = drawn([(5, True), (2, True), (9, True), (4, True), (8, False), (3, False)], 2)
    assert found == [(2, True), (3, False), (4, True)]
    assert looked == [5, 2, 4, 3]
    assert draw.beyond == 3


def test_only_so_many_rows_that_do_not_pass_are_drawn_and_the_others_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A filter that refuses nearly all of a large source would fill the memory with it."""
    monkeypatch.setattr(drawing, "MOST_ON_RECORD", 3)
    draw, found, _ = drawn([(place, place == 25) for place in range(30, 0, -1)], 2)
    assert found == [(1, False), (2, False), (3, False), (25, True)]
    assert draw.more == {Verdict("too short"): 26}
    assert draw.beyond == 0
    draw, found, _ = drawn([(place, place == 10) for place in range(30)], 1)
    assert found == [(0, False), (1, False), (2, False), (10, True)]
    assert sum(draw.more.values()) + draw.beyond == 26
