"""Parallel builds must not pay for a call twice, and answers that have arrived must survive what comes after them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.memo import Batches, Model, answer, at_once, call, nothing
from warehouse.store.calls import Answer, Call
from warehouse.store.memo import Memo
from warehouse.store.warehouse import Warehouse


@pytest.fixture
def database(warehouse: Warehouse) -> Warehouse:
    return warehouse


def test_a_batch_finished_by_another_build_in_the_meantime_is_not_computed(database: Warehouse) -> None:
    calls = [call(text) for text in "abcd"]

    def beside(missing: list[Call]) -> Batches:
        batches = list(Model(batch=2)(missing))
        yield batches[0]
        Memo(database).run(calls, Model(batch=2))
        yield batches[1][0], forbidden

    memo = Memo(database)
    assert memo.run(calls, beside) == [answer(text) for text in "abcd"]
    assert (memo.meter.computed, memo.meter.from_memo) == (2, 2)


def forbidden(batch: list[Call]) -> list[Answer]:
    raise AssertionError(f"asked for {[one.request for one in batch]}")


def test_simultaneous_builds_compute_a_shared_batch_once(database: Warehouse) -> None:
    asked: list[str] = []

    def slow(batch: list[Call]) -> list[Answer]:
        asked.extend(one.request["text"] for one in batch)
        time.sleep(0.3)
        return [answer(one.request["text"]) for one in batch]

    with ThreadPoolExecutor(4) as threads:
        runs = [threads.submit(Memo(database).run, [call("a"), call("b")], at_once(slow)) for _ in range(4)]
        assert [run.result() for run in runs] == [[answer("a"), answer("b")]] * 4
    assert asked == ["a", "b"]


def test_a_stored_answer_is_not_replaced_by_a_later_one(database: Warehouse) -> None:
    def overtaken(batch: list[Call]) -> list[Answer]:
        Memo(database).run([call("a")], at_once(lambda same: [answer("theirs") for _ in same]))
        return [answer("ours") for _ in batch]

    found = Memo(database).run([call("a"), call("b")], at_once(overtaken))
    assert found == [answer("theirs"), answer("ours")]
    assert Memo(database).run([call("a")], nothing) == [answer("theirs")]


def test_answers_are_committed_as_they_arrive_and_survive_a_failure(database: Warehouse) -> None:
    def arriving(missing: list[Call]) -> Iterator[list[tuple[Call, Answer]]]:
        yield [(missing[1], answer("b"))]
        yield []
        assert len(Memo(database).look_up(missing)) == 1
        yield [(missing[0], answer("a")), (missing[2], Answer({}, 0, 0.0, error="no"))]
        raise KeyboardInterrupt

    calls, memo = [call("a"), call("b"), call("c"), call("d")], Memo(database)
    with pytest.raises(KeyboardInterrupt):
        memo.run_as_they_arrive(calls, arriving)
    assert {key for key, _ in memo.look_up(calls)} == {calls[0].key, calls[1].key}
    assert memo.failed_before(calls) == {calls[2].key}
    assert (memo.meter.computed, memo.meter.tokens) == (2, 6)

    def rest(missing: list[Call]) -> Iterator[list[tuple[Call, Answer]]]:
        assert [one.request["text"] for one in missing] == ["c", "d"]
        yield [(one, answer(one.request["text"])) for one in reversed(missing)]

    again = memo.run_as_they_arrive(calls, rest)
    assert [one.response["text"] for one in again] == ["A", "B", "C", "D"]
    assert (memo.meter.computed, memo.meter.from_memo) == (4, 2)


def test_a_void_answer_is_asked_for_again_and_replaced(database: Warehouse) -> None:
    memo, calls = Memo(database), [call("a"), call("b")]
    memo.commit([(calls[0], Answer({"text": ""}, 0, 0.1)), (calls[1], answer("b"))])
    asked: list[Call] = []

    def arriving(missing: list[Call]) -> Iterator[list[tuple[Call, Answer]]]:
        asked.extend(missing)
        yield [(one, answer(one.request["text"])) for one in missing]

    def void(one: Call, found: Answer) -> bool:
        return not found.response["text"]

    for _ in range(2):
        answers = memo.run_as_they_arrive(calls, arriving, void=void)
        assert [one.response["text"] for one in answers] == ["A", "B"]
    assert asked == [calls[0]]
    with database.read() as connection:
        assert connection.execute("SELECT count(*) FROM memo.calls").fetchone() == (2,)


def test_two_runs_at_once_ask_for_a_list_of_calls_once(database: Warehouse) -> None:
    asked: list[str] = []

    def arriving(missing: list[Call]) -> Iterator[list[tuple[Call, Answer]]]:
        for one in missing:
            time.sleep(0.05)
            asked.append(one.request["text"])
            yield [(one, answer(one.request["text"]))]

    calls = [call(text) for text in "abcdef"]
    with ThreadPoolExecutor() as threads:
        runs = [threads.submit(Memo(database).run_as_they_arrive, calls, arriving) for _ in range(3)]
        assert [[one.response["text"] for one in run.result()] for run in runs] == [list("ABCDEF")] * 3
    assert sorted(asked) == list("abcdef")
