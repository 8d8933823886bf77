"""Forgetting calls deletes data so that a build asks again. These tests check that exactly the chosen calls go, with
everything that was made from them, and that no remaining row loses its lineage."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from tests.support.versions import documents, publish, rows
from warehouse.core.errors import UserError
from warehouse.lineage.material import Material
from warehouse.release.export import record_export
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Pair
from warehouse.store.calls import Answer, Call
from warehouse.store.collection import Garbage
from warehouse.store.forgetting import Chosen, find_forgettable, forget
from warehouse.store.materials import material_rows, record_materials
from warehouse.store.memo import Memo
from warehouse.store.published import Published
from warehouse.store.versions import Store
from warehouse.store.warehouse import Warehouse, WarehouseError

WRITER = Material("model", "writer", "Apache-2.0", address="path:writer", sha256="a" * 64)
JUDGE = Material("model", "judge", "Apache-2.0", address="path:judge", sha256="b" * 64)


@pytest.fixture
def store(warehouse: Warehouse) -> Store:
    store = Store(warehouse)
    record_materials(store.database, material_rows([WRITER, JUDGE]))
    return store


def call(text: str, model: Material = WRITER, kind: str = "completion") -> Call:
    return Call(kind, model.id, {"text": text}, 8)


def answered(store: Store, *calls: Call) -> None:
    Memo(store.database, "engine").commit([(one, Answer({"text": "x"}, 1, 0.1)) for one in calls])


def failed(store: Store, one: Call, error: str) -> None:
    Memo(store.database, "engine")._keep([(one, Answer({}, 0, 0.0, error=error))], [])


def pairs(calls: list[Call], failures: list[Call] = []) -> Result:  # noqa: B006
    gate = Gate(Pair)
    for one in calls + failures:
        row = {"method": "m", "level": "", "instruction": one.request["text"], "input": "", "response": "x"}
        if one in calls:
            gate.keep(row, [(one.key, "call")])
        else:
            gate.fail(row, "it failed", [(one.key, "call")])
    return gate.result()


def passed_on(store: Store, of: Published) -> Result:
    gate = Gate(Pair)
    for row in store.read(of).iter_rows(named=True):
        gate.keep(row)
    return gate.result()


def forgotten(store: Store, chosen: Chosen) -> Garbage:
    garbage = find_forgettable(store.database, chosen)
    forget(store.database, chosen, garbage)
    return garbage


def left(store: Store) -> tuple[set[str], set[str], set[str]]:
    """(texts of the calls on record, texts of the failures, assets that have a version)."""
    calls, failures = (
        {r[0] for r in rows(store, f"SELECT request ->> 'text' FROM memo.{t}")} for t in ("calls", "failures")
    )
    assert rows(store, "FROM lineage.current ANTI JOIN lineage.versions USING (asset, version)") == []
    assert rows(store, "SELECT child FROM lineage.edges ANTI JOIN lineage.records ON id = child") == []
    keys = "SELECT key FROM memo.calls UNION SELECT key FROM memo.failures UNION SELECT id FROM lineage.records"
    assert rows(store, f"SELECT parent FROM lineage.edges WHERE role = 'call' AND parent NOT IN ({keys})") == []
    return calls, failures, {asset for (asset,) in rows(store, "SELECT asset FROM lineage.versions")}


def test_chosen_calls_go_with_all_that_was_made_from_them(store: Store) -> None:
    first, second = call("one"), call("two")
    other = call("three", JUDGE)
    answered(store, first, second, other)
    publish(store, "documents", "1", documents("ab"))
    made = publish(store, "made", "1", pairs([first, second]))
    publish(store, "next", "1", passed_on(store, made), made=made)
    publish(store, "judged", "1", pairs([other]))
    garbage = find_forgettable(store.database, Chosen(model="writer"))
    assert {one.asset for one in garbage.versions} == {"made", "next"}
    assert garbage.rows == {
        "lineage.pointers": 2,
        "lineage.versions": 2,
        "lineage.decisions": 4,
        "lineage.records": 2,
        "lineage.edges": 2,
        "records.pair": 2,
        "memo.calls": 2,
    }
    forget(store.database, Chosen(model="writer"), garbage)
    assert left(store) == ({"three"}, set(), {"documents", "judged"})
    again = publish(store, "made", "1", pairs([first, second]))
    assert store.read(again).height == 2


@pytest.mark.parametrize(
    ("chosen", "calls", "failures"),
    [
        (Chosen(kind="loss"), {"one", "two"}, {"bad", "busy"}),
        (Chosen(kind="completion"), {"measured"}, set()),
        (Chosen(error="HTTP 429"), {"one", "two", "measured"}, {"bad"}),
        (Chosen(error="429", model="judge"), {"one", "two", "measured"}, {"bad", "busy"}),
        (Chosen(failures=True), {"one", "two", "measured"}, set()),
        (Chosen(model="judge"), {"one", "measured"}, {"bad", "busy"}),
        (Chosen(before=datetime(2020, 1, 1)), {"one", "two", "measured"}, {"bad", "busy"}),
        (Chosen(before=datetime(2999, 1, 1)), set(), set()),
    ],
)
def test_every_condition_limits_the_choice(store: Store, chosen: Chosen, calls: set[str], failures: set[str]) -> None:
    answered(store, call("one"), call("two", JUDGE), call("measured", kind="loss"))
    failed(store, call("bad"), "HTTP 400: too long")
    failed(store, call("busy"), "HTTP 429: slow down")
    forgotten(store, chosen)
    assert left(store) == (calls, failures, set())


def test_forgetting_failures_makes_their_version_go_so_that_retries_start_again(store: Store) -> None:
    answered(store, call("one"))
    failed(store, call("bad"), "HTTP 400")
    publish(store, "made", "1", pairs([call("one")], [call("bad")]))
    forgotten(store, Chosen(failures=True))
    assert left(store) == ({"one"}, set(), set())


def test_a_failure_that_was_answered_later_takes_no_version_with_it(store: Store) -> None:
    failed(store, call("one"), "HTTP 400")
    answered(store, call("one"))
    publish(store, "made", "1", pairs([call("one")]))
    garbage = forgotten(store, Chosen(failures=True))
    assert garbage.rows == {"memo.failures": 1}
    assert left(store) == ({"one"}, set(), {"made"})


def test_calls_behind_an_export_stay(store: Store) -> None:
    answered(store, call("one"), call("two"))
    made = publish(store, "made", "1", pairs([call("one")]))
    record_export(store, made, Path("exports"), {"x.jsonl": "0" * 64})
    publish(store, "more", "1", pairs([call("two")]))
    forgotten(store, Chosen(model="writer"))
    assert left(store) == ({"one"}, set(), {"made"})


def test_an_unknown_model_is_named_with_the_known_ones(store: Store) -> None:
    with pytest.raises(UserError, match=r"no model is named 'wirter'; did you mean 'writer'"):
        find_forgettable(store.database, Chosen(model="wirter"))


def test_nothing_goes_if_the_warehouse_changed_meanwhile(store: Store) -> None:
    answered(store, call("one"))
    garbage = find_forgettable(store.database, Chosen(model="writer"))
    answered(store, call("two"))
    with pytest.raises(WarehouseError, match="the warehouse changed"):
        forget(store.database, Chosen(model="writer"), garbage)
    assert left(store) == ({"one", "two"}, set(), set())


def test_nothing_chosen_is_nothing_to_free(store: Store) -> None:
    answered(store, call("one"))
    assert find_forgettable(store.database, Chosen(kind="embedding")).nothing
    assert Chosen().nothing
