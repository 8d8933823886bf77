"""Model calls are most of the cost of a build, so the memo stores each call with its answer. These tests check that it
never computes a stored call again, keeps finished calls if a later one fails, and returns exactly the answer that
was computed."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.memo import MODEL, Batches, Model, answer, at_once, call, nothing
from warehouse.schema.bookkeeping import ModelCall, ModelFailure
from warehouse.store.calls import Answer, Call, Compose, Meter, answer_digest
from warehouse.store.memo import Memo
from warehouse.store.warehouse import Warehouse


@pytest.fixture
def database(warehouse: Warehouse) -> Warehouse:
    return warehouse


def test_a_call_is_computed_once_and_then_read_from_the_memo(database: Warehouse) -> None:
    first, second = Memo(database, "engine 1"), Memo(database, "engine 2")
    calls = [call("a"), call("b")]
    assert first.run(calls, Model()) == [answer("a"), answer("b")]
    assert second.run(calls, nothing) == [answer("a"), answer("b")]
    assert first.meter == Meter(computed=2, from_memo=0, tokens=6, seconds=1.0)
    assert second.meter == Meter(computed=0, from_memo=2)


def test_stored_and_computed_answers_come_in_the_order_of_the_calls(database: Warehouse) -> None:
    Memo(database).run([call("b"), call("d")], Model())
    model = Model(batch=1)
    memo = Memo(database)
    found = memo.run([call(text) for text in "dcba"], model)
    assert [one.response["text"] for one in found] == ["D", "C", "B", "A"]
    assert model.asked == ["c", "a"]
    assert memo.meter == Meter(computed=2, from_memo=2, tokens=6, seconds=1.0)


def test_a_call_listed_twice_is_computed_once(database: Warehouse) -> None:
    model, memo = Model(), Memo(database)
    found = memo.run([call("a"), call("b"), call("a"), call("a")], model)
    assert [one.response["text"] for one in found] == ["A", "B", "A", "A"]
    assert model.asked == ["a", "b"]
    assert memo.meter.computed == 2
    again = Memo(database)
    again.run([call("a"), call("a")], nothing)
    assert again.meter == Meter(from_memo=1)


def test_an_empty_list_of_calls_computes_nothing(database: Warehouse) -> None:
    assert Memo(database).run([], nothing) == []


def test_a_call_is_stored_with_all_its_fields(database: Warehouse) -> None:
    Memo(database, "transformers 5").run([call("a", budget=16)], Model(tokens=4))
    with database.read() as connection:
        frame = connection.sql("FROM memo.calls").pl()
    ModelCall.validate(frame, lazy=True)
    assert frame.drop("created_at").to_dicts() == [
        {
            "key": call("a").key,
            "kind": "completion",
            "model": MODEL,
            "request": '{"text":"a"}',
            "budget": 16,
            "complete": True,
            "response": '{"text":"A"}',
            "vector": None,
            "tokens": 4,
            "seconds": 0.5,
            "engine": "transformers 5",
            "answer_digest": answer_digest(call("a").key, 16, True, '{"text":"A"}', None, 4, "transformers 5"),
        }
    ]


@pytest.mark.parametrize(
    "other",
    [
        Call("loss", MODEL, {"text": "a"}, 8),
        Call("completion", "b" * 32, {"text": "a"}, 8),
        Call("completion", MODEL, {"text": "a", "seed": 1}, 8),
    ],
    ids=["kind", "model", "request"],
)
def test_a_different_kind_model_or_request_is_a_different_call(database: Warehouse, other: Call) -> None:
    Memo(database).run([call("a")], Model())
    assert Memo(database).look_up([other]) == {}


def test_calls_finished_before_an_error_are_stored(database: Warehouse) -> None:
    def breaks(missing: list[Call]) -> Batches:
        yield from [next(Model(batch=2)(missing))]
        raise TypeError("a defect")

    calls = [call(text) for text in "abcd"]
    broken = Memo(database)
    with pytest.raises(TypeError, match="a defect"):
        broken.run(calls, breaks)
    assert broken.meter.computed == 2
    model, memo = Model(), Memo(database)
    assert [one.response["text"] for one in memo.run(calls, model)] == ["A", "B", "C", "D"]
    assert model.asked == ["c", "d"]
    assert (memo.meter.computed, memo.meter.from_memo) == (2, 2)


def test_a_batch_is_committed_before_the_next_one_is_requested(database: Warehouse) -> None:
    seen = []

    def watched(missing: list[Call]) -> Batches:
        for batch in Model(batch=1)(missing):
            seen.append(len(Memo(database).look_up(missing)))
            yield batch

    Memo(database).run([call(text) for text in "abc"], watched)
    assert seen == [0, 1, 2]


def test_progress_counts_only_calls_to_compute(database: Warehouse) -> None:
    Memo(database).run([call("a")], Model())
    told: list[tuple[int, int]] = []
    Memo(database).run([call(text) for text in "abcd"], Model(), lambda done, total: told.append((done, total)))
    assert told == [(0, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    ("complete", "budget", "answered"),
    [
        (True, 2, False),
        (True, 3, True),
        (True, 7, True),
        (True, 8, True),
        (True, 1000, True),
        (False, 7, False),
        (False, 8, True),
        (False, 9, False),
    ],
)
def test_a_complete_text_answers_any_budget_it_fits_and_a_cut_off_one_only_its_own(
    database: Warehouse, complete: bool, budget: int, answered: bool
) -> None:
    tokens = 3 if complete else 8
    Memo(database).run([call("a", budget=8)], Model(tokens=tokens, complete=complete))
    model = Model()
    found = Memo(database).run([call("a", budget=budget)], model)
    assert model.asked == ([] if answered else ["a"])
    assert found == [answer("a", tokens, complete) if answered else answer("a")]


def test_a_call_cut_off_at_two_budgets_keeps_both_answers(database: Warehouse) -> None:
    for budget in (4, 8):
        Memo(database).run([call("a", budget)], Model(tokens=budget, complete=False))
    assert Memo(database).look_up([call("a", 4)]) == {(call("a").key, 4): answer("a", 4, False)}
    assert Memo(database).look_up([call("a", 8)]) == {(call("a").key, 8): answer("a", 8, False)}


def test_one_list_can_contain_a_call_at_two_budgets(database: Warehouse) -> None:
    def cut_off(batch: list[Call]) -> list[Answer]:
        return [answer(f"to {one.budget}", one.budget, False) for one in batch]

    found = Memo(database).run([call("a", 4), call("a", 8)], at_once(cut_off))
    assert [one.response["text"] for one in found] == ["TO 4", "TO 8"]


def embedding(vector: list[float], dtype: type = np.float32) -> Compose:
    return at_once(lambda batch: [Answer({}, 1, 0.0, vector=np.array(vector, dtype=dtype)) for _ in batch])


def vector_of(answers: list[Answer]) -> list[float]:
    (answer,) = answers
    assert answer.vector is not None
    assert answer.vector.dtype == np.float32
    return list(answer.vector.tolist())


@pytest.mark.parametrize(
    "vector", [[0.5, -0.25, 1.0], [], [0.10000000149011612]], ids=["plain", "empty", "nearest to a tenth"]
)
def test_a_stored_vector_equals_the_computed_one(database: Warehouse, vector: list[float]) -> None:
    asked = Call("embedding", MODEL, {"text": "a"})
    computed = Memo(database).run([asked], embedding(vector))
    assert vector_of(Memo(database).run([asked], nothing)) == vector_of(computed) == vector


def test_a_vector_is_rounded_to_stored_precision_on_the_first_run_too(
    database: Warehouse,
) -> None:
    # Record ids hash the vector, so a rebuild from the memo must give the same ids as the first build.
    asked = Call("embedding", MODEL, {"text": "a"})
    computed = Memo(database).run([asked], embedding([0.1, 0.2], np.float64))
    assert vector_of(Memo(database).run([asked], nothing)) == vector_of(computed)


def failures(database: Warehouse) -> list[tuple[str, str]]:
    with database.read() as connection:
        frame = connection.sql("FROM memo.failures ORDER BY request").pl()
    ModelFailure.validate(frame, lazy=True)
    return list(zip(frame["request"], frame["error"], strict=True))


def test_a_failed_call_is_recorded_as_a_failure_and_requested_again(database: Warehouse) -> None:
    def dislikes_b(batch: list[Call]) -> list[Answer]:
        texts = [one.request["text"] for one in batch]
        if "b" in texts:
            raise RuntimeError("no b, please")
        return [answer(text) for text in texts]

    memo = Memo(database, "engine")
    found = memo.run([call(text) for text in "abc"], at_once(dislikes_b))
    error = "RuntimeError: no b, please"
    assert found == [answer("a"), Answer({}, 0, 0.0, complete=False, error=error), answer("c")]
    assert memo.meter == Meter(computed=2, tokens=6, seconds=1.0)
    assert failures(database) == [('{"text":"b"}', error)]
    model = Model()
    assert Memo(database).run([call(text) for text in "abc"], model) == [answer(text) for text in "abc"]
    assert model.asked == ["b"]
    assert failures(database) == [('{"text":"b"}', error)]


def test_a_programming_error_is_not_recorded_as_a_failed_call(database: Warehouse) -> None:
    def defect(batch: list[Call]) -> list[Answer]:
        raise KeyError("no such column")

    with pytest.raises(KeyError):
        Memo(database).run([call("a")], at_once(defect))
    assert failures(database) == []


def test_a_call_with_lost_files_is_computed_again_and_replaced(database: Warehouse) -> None:
    Memo(database).run([call("a"), call("b")], Model())
    memo = Memo(database)
    other = at_once(lambda batch: [answer("new") for _ in batch])
    assert memo.run([call("a"), call("b")], other, void=lambda one, _: one == call("a")) == [answer("new"), answer("b")]
    assert (memo.meter.computed, memo.meter.from_memo) == (1, 1)
    assert Memo(database).run([call("a")], nothing) == [answer("new")]
