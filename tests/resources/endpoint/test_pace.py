"""How many requests an address gets follows from how it answers: too few leave it idle, too many make it refuse all.
These tests check that number without a server."""

from __future__ import annotations

import pytest

from resources.endpoint.connection import seconds_to_wait
from resources.endpoint.pace import GROWTH, START, Pace


def answered(pace: Pace, times: int, seconds: float = 1.0) -> None:
    for _ in range(times):
        pace.answered(0.0, seconds)


def test_quick_answers_allow_more_up_to_the_bound() -> None:
    pace = Pace(256, 600.0, 600.0)
    answered(pace, START)
    assert pace.limit == START + GROWTH * START
    answered(pace, 100)
    assert pace.limit == 256


def test_the_bound_also_holds_at_the_start() -> None:
    pace = Pace(3, 600.0, 600.0)
    answered(pace, 9)
    assert pace.limit == 3
    pace.busy = 3
    assert not pace.ready(0.0)


def test_a_no_halves_once_for_all_requests_that_were_in_flight_and_growth_is_slow_from_then_on() -> None:
    pace = Pace(256, 600.0, 600.0)
    for _ in range(10):
        pace.declined(began=0.0, now=1.0, after=None)
    assert pace.limit == START / 2
    answered(pace, START // 2)
    assert START / 2 + 0.9 < pace.limit <= START / 2 + 1
    for moment in range(2, 20):
        pace.declined(began=moment, now=moment + 0.5, after=None)
    assert pace.limit == 1


def test_slow_answers_allow_no_more() -> None:
    near_the_deadline, slower_than_at_first = Pace(256, 600.0, 600.0), Pace(256, 600.0, 600.0)
    answered(near_the_deadline, 10, seconds=80.0)
    assert near_the_deadline.limit == START
    answered(slower_than_at_first, START)
    before = slower_than_at_first.limit
    answered(slower_than_at_first, 10, seconds=5.0)
    assert slower_than_at_first.limit == before


def test_an_address_rests_as_long_as_it_says_but_no_longer_than_the_patience() -> None:
    pace = Pace(256, 600.0, patience=50.0)
    pace.declined(began=0.0, now=1.0, after=2.0)
    assert (pace.ready(2.9), pace.ready(3.0)) == (False, True)
    pace.declined(began=3.0, now=4.0, after=1e12)
    assert (pace.ready(53.9), pace.ready(54.0)) == (False, True)


def test_an_address_that_does_not_say_how_long_rests_twice_as_long_each_time_until_it_answers() -> None:
    pace, rests, now = Pace(256, 600.0, 600.0), [], 10.0
    for _ in range(4):
        pace.declined(began=now, now=now, after=None)
        rests.append(round(pace.free_at - now, 6))
        now = pace.free_at
    assert rests == [0.2, 0.4, 0.8, 1.6]
    pace.answered(now, now + 1)
    pace.declined(began=now + 1, now=now + 1, after=0.0)
    assert round(pace.free_at - now - 1, 6) == 0.2


def test_an_address_out_of_reach_rests_longer_each_time() -> None:
    pace, rests, now = Pace(256, 600.0, 600.0), [], 10.0
    for _ in range(9):
        pace.missed(began=now, now=now)
        rests.append(pace.free_at - now)
        now = pace.free_at
    assert rests == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    pace.answered(now, now + 1)
    pace.missed(began=now + 1, now=now + 1)
    assert pace.free_at - (now + 1) == 0.5


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("2", 2.0), ("0.5", 0.5), (None, None), ("", None), ("soon", None), ("-1", None), ("nan", None), ("inf", None)],
)
def test_retry_after_in_seconds(header: str | None, seconds: float | None) -> None:
    assert seconds_to_wait(header) == seconds


def test_retry_after_as_a_date() -> None:
    assert (seconds_to_wait("Fri, 31 Dec 2999 23:59:59 GMT") or 0) > 1e9
    assert seconds_to_wait("Fri, 31 Dec 1999 23:59:59 GMT") is None
