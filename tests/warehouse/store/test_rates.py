"""Users decide from the time estimate when to start a build. These tests check that an estimate uses the most specific
rate that was measured on this machine, and that there is no estimate without a measurement."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from warehouse.core.identity import digest
from warehouse.store.calls import Answer, Call
from warehouse.store.file_warehouse import FileWarehouse
from warehouse.store.memo import Memo
from warehouse.store.rates import Rates, Speed, measured_rates, measured_speeds
from warehouse.store.warehouse import Warehouse

SMALL, LARGE = "a" * 32, "b" * 32


@pytest.fixture
def database(warehouse: Warehouse) -> Warehouse:
    return warehouse


def completion(model: str = SMALL, budget: int = 8, text: str = "") -> Call:
    return Call("completion", model, {"text": text}, budget)


def training(count: int, epochs: int, model: str = SMALL) -> Call:
    return Call("training", model, {"count": count, "epochs": epochs})


def record(database: Warehouse, call: Call, seconds: float, tokens: int = 5, **more: Any) -> None:
    answer = Answer({}, tokens, seconds, **more)
    Memo(database).run([call], lambda missing: iter([(missing, lambda batch: [answer for _ in batch])]))


@pytest.mark.parametrize(
    ("call", "seconds"),
    [
        (completion(SMALL, 8), 1.0),
        (completion(SMALL, 16), 2.0),
        (completion(LARGE, 8), 4.0),
        (completion(LARGE, 16), 8.0),
        (completion(LARGE, 32), 16.0),
        (completion(SMALL, 32), 16.0),
        (Call("loss", SMALL, {}), 32.0),
    ],
)
def test_the_most_specific_rate_is_used(call: Call, seconds: float) -> None:
    rates = Rates(
        {
            ("completion", SMALL, 8): 1.0,
            ("completion", SMALL, 16): 2.0,
            ("completion", 8): 4.0,
            ("completion", 16): 8.0,
            ("completion",): 16.0,
            ("loss",): 32.0,
        }
    )
    assert rates.estimate([call]) == seconds
    assert rates.estimate([call, call]) == 2 * seconds


def test_calls_with_an_unmeasured_kind_have_no_estimate() -> None:
    rates = Rates({("completion",): 1.0})
    assert rates.estimate([completion(), Call("loss", SMALL, {})]) is None
    assert Rates({}).estimate([completion()]) is None
    assert Rates({}).estimate([]) == 0.0


def test_rates_are_means_over_the_stored_calls(database: Warehouse) -> None:
    for text, seconds in (("a", 1.0), ("b", 3.0)):
        record(database, completion(SMALL, 8, text), seconds)
    record(database, completion(LARGE, 8), 5.0)
    record(database, completion(LARGE, 16, "c"), 11.0)
    assert measured_rates(database).seconds == {
        ("completion", SMALL, 8): 2.0,
        ("completion", LARGE, 8): 5.0,
        ("completion", LARGE, 16): 11.0,
        ("completion", 8): 3.0,
        ("completion", 16): 11.0,
        ("completion",): 5.0,
    }


def test_training_time_is_proportional_to_examples_and_epochs(database: Warehouse) -> None:
    record(database, training(10, 2), 20.0)
    record(database, training(20, 1), 60.0)
    rates = measured_rates(database)
    assert rates.seconds[("training", SMALL, 0)] == 2.0
    assert rates.estimate([training(5, 3)]) == 30.0
    assert rates.estimate([training(5, 3), training(1, 1, LARGE)]) == 32.0


def test_rejected_and_failed_calls_do_not_count_in_a_rate(database: Warehouse) -> None:
    record(database, completion(text="a"), 0.0, tokens=0)
    record(database, completion(text="b"), 9.0, error="out of memory")
    assert measured_rates(database) == Rates({})
    record(database, completion(text="c"), 2.0)
    assert measured_rates(database).estimate([completion()]) == 2.0


def test_without_a_database_there_are_no_rates_and_none_is_created(tmp_path: Path) -> None:
    assert measured_rates(FileWarehouse(tmp_path / "data" / "warehouse.duckdb")) == Rates({})
    assert not (tmp_path / "data").exists()


def test_speeds_count_the_calls_of_some_models_and_of_what_was_trained_from_them(database: Warehouse) -> None:
    record(database, completion(SMALL, text="a"), 2.0, tokens=10)
    record(database, completion(LARGE, text="b"), 100.0, tokens=1)
    record(database, Call("loss", SMALL, {}), 4.0, tokens=50)
    trained = Answer({"weights": "f" * 64}, 300, 10.0)
    Memo(database).run([training(3, 2)], lambda missing: iter([(missing, lambda batch: [trained])]))
    tuned = digest([SMALL, "f" * 64])
    record(database, completion(tuned, text="c"), 3.0, tokens=10)
    assert measured_speeds(database, [SMALL]) == {
        "completion": Speed(4.0, 2),
        "loss": Speed(0.25, 1),
        "training": Speed(30.0, 1),
    }
    assert measured_speeds(database, []) == {}
