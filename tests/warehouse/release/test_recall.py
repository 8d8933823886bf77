"""A recall must list everything that depends on the withdrawn thing, and after the next build nothing current may
depend on it, whatever was changed in between."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.versions import call_of, checkpoint, documents, named, pairs, publish, rows
from warehouse.audit.finding import NotFound
from warehouse.core.errors import UserError
from warehouse.lineage.graph import Graph
from warehouse.lineage.withdrawals import read_withdrawals
from warehouse.release.export import record_export
from warehouse.release.recall import Holding, find_affected, withdraw, withdrawn_ancestors
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Pair, Score
from warehouse.store.collection import collect, find_garbage
from warehouse.store.file_warehouse import FileWarehouse
from warehouse.store.versions import Store
from warehouse.store.warehouse import Part, Warehouse, now


@pytest.fixture
def store(warehouse: Warehouse) -> Store:
    return Store(warehouse)


def only(store: Store, query: str) -> str:
    ((value,),) = rows(store, query)
    return str(value)


def scores(predicted: str) -> Result:
    gate = Gate(Score)
    gate.keep(
        {"benchmark": "longform", "arm": "x", "seed": 1, "item": "e" * 32, "metric": "rouge_l", "value": 0.5},
        [(predicted, "prediction")],
    )
    return gate.result()


def published_graph(store: Store) -> str:
    """Publish two documents; the first is trained on, scored, and exported in an older version. Returns its id."""
    read = publish(store, "documents", "1", documents(["Pesto is a sauce.", "Basil."]))
    gone, stays = store.read(read)["id"]
    made = publish(store, "raw_m", "1", pairs(store, read), documents=read)
    first, second = store.read(made).to_dicts()
    for version, taken in (("1", [first, second]), ("2", [first])):
        gate = Gate(Pair)
        for row in taken:
            gate.keep(row)
        drawn = publish(store, "training_sets/x", version, gate.result(), pairs=made)
        if version == "1":
            record_export(store, drawn, Path("for_ada"), {})
    student = publish(store, "students/x", "1", checkpoint("c" * 32, [first["id"]]), training_set=drawn)
    publish(store, "students/y", "1", checkpoint("d" * 32, [second["id"]]))
    publish(store, "scores/x", "1", scores(store.read(student)["id"][0]), students=student)
    assert stays != gone
    return str(gone)


def test_everything_that_depends_on_a_row_is_listed_by_group(store: Store) -> None:
    gone = published_graph(store)
    affected = find_affected(store.database, gone[:6])
    assert (affected.thing.id, affected.thing.kind, affected.thing.shown) == (gone, "document", "Pesto is a sauce.")

    def shown(holdings: tuple[Holding, ...]) -> list[tuple[str, str, str, int]]:
        return [(one.asset, one.version[0], one.kind, one.rows) for one in holdings]

    assert shown(affected.rows) == [("documents", "1", "document", 1), ("raw_m", "1", "pair", 1)]
    assert shown(affected.training_sets) == [("training_sets/x", "2", "pair", 1)]
    assert shown(affected.checkpoints) == [("students/x", "1", "checkpoint", 1)]
    assert shown(affected.scores) == [("scores/x", "1", "score", 1)]
    assert shown(affected.earlier) == [("training_sets/x", "1", "pair", 1)]
    assert affected.records["documents"] == [gone]
    assert set(affected.records) == {"documents", "raw_m", "training_sets/x", "students/x", "scores/x"}
    assert [(one.version, one.folder, one.rows) for one in affected.exports] == [(named("1"), "for_ada", 1)]
    assert json.loads(json.dumps(asdict(affected)))["thing"]["id"] == gone


def test_a_withdrawal_is_recorded_once_with_its_reason_and_changes_nothing_else(store: Store) -> None:
    affected = find_affected(store.database, published_graph(store))
    before = store.catalog()
    withdraw(store.database, affected, " the author asked for it ")
    found = store.catalog()
    assert (found.stored, found.published) == (before.stored, before.published)
    (one,) = found.withdrawals.entries
    assert (one.id, one.kind, one.reason) == (affected.thing.id, "document", "the author asked for it")
    with pytest.raises(UserError) as refused:
        withdraw(store.database, affected, "again")
    assert str(refused.value) == (
        f"nothing was recorded, because it was withdrawn before: the document 'Pesto is a sauce.' ({one.id[:9]}), "
        f"withdrawn on {now():%Y-%m-%d}: the author asked for it"
    )
    with pytest.raises(UserError, match=r"^a withdrawal needs a reason, found none"):
        withdraw(store.database, affected, " ")
    assert store.catalog().withdrawals.entries == (one,)


def test_a_row_made_by_a_build_cannot_be_withdrawn_and_its_source_rows_are_listed(store: Store) -> None:
    gone = published_graph(store)
    pair = only(store, "SELECT id FROM records.pair WHERE response LIKE 'Pesto%'")
    with pytest.raises(UserError) as refused:
        find_affected(store.database, pair)
    assert str(refused.value) == (
        "a pair is made by a build and would be made again; withdraw a source row, a source or a model instead. "
        f"{pair[:9]} was made from document {gone}"
    )


@pytest.mark.parametrize("name", ["wiki", "0" * 32, "12345", "no such thing"])
def test_an_unknown_id_or_name_is_refused(store: Store, name: str) -> None:
    published_graph(store)
    with pytest.raises(NotFound, match=rf"^nothing is named {re.escape(repr(name))}: searched "):
        find_affected(store.database, name)


def test_an_ambiguous_id_is_refused_with_all_matches(store: Store) -> None:
    with store.database.write() as connection:
        for last in "ab":
            place = ["abcdef" + "0" * 25 + last]
            connection.execute("INSERT INTO lineage.records VALUES (?, 'document', 'documents', '{}')", place)
    both = ", ".join(rf"abcdef{'0' * 25}{last} \(document documents\)" for last in "ab")
    with pytest.raises(UserError, match=f"^'abcdef' may be any of 2: {both}; give more of the id$"):
        find_affected(store.database, "abcdef")


def test_other_rows_with_the_same_text_belong_to_the_same_withdrawal(store: Store) -> None:
    read = publish(store, "documents", "1", documents(["Pesto is a sauce.", "Basil."]))
    again = documents(["PESTO -- is a sauce", "A sauce is pesto."], parents=[("6" * 32, "source")])
    publish(store, "documents", "2", again)
    first, twin = store.read(read)["id"][0], again.kept["id"][0]
    affected = find_affected(store.database, first)
    assert affected.thing.same == (twin,)
    assert affected.records == {"documents": [twin]}
    assert [(one.asset, one.version[0], one.rows) for one in affected.earlier] == [("documents", "1", 1)]


@pytest.mark.parametrize(
    ("text", "copy", "other"),
    [
        ("Tea in Zürich", "TEA IN ZU\u0308RICH", "Tea in Zurich"),
        ("茶是一种饮料。", "茶，是一种饮料", "水是一种饮料。"),
        ("7 - 2", "７－２", "7 + 2"),
    ],
)
def test_a_copy_in_another_form_belongs_to_the_same_withdrawal(store: Store, text: str, copy: str, other: str) -> None:
    first = store.read(publish(store, "documents", "1", documents([text])))["id"][0]
    again = documents([copy, other], parents=[("6" * 32, "source")])
    publish(store, "documents", "2", again)
    twin = next(row["id"] for row in again.kept.to_dicts() if row["text"] == copy)
    assert find_affected(store.database, first).thing.same == (twin,)


def test_a_withdrawal_stays_when_everything_that_it_affects_is_collected(store: Store) -> None:
    gone = store.read(publish(store, "documents", "1", documents(["Pesto is a sauce.", "Basil."])))["id"][0]
    withdraw(store.database, find_affected(store.database, gone), "why")
    publish(store, "documents", "2", documents(["Basil."]))
    before = store.catalog().withdrawals
    collect(store.database, find_garbage(store.database, keep=1, calls=True))
    assert rows(store, f"FROM lineage.records WHERE id = '{gone}'") == []
    assert rows(store, "FROM records.document WHERE text LIKE 'Pesto%'") == []
    assert store.catalog().withdrawals == before
    assert before.of_row([], "pesto is a sauce") == before.entries[0]


class OpenWarehouse(FileWarehouse):
    """A warehouse behind one open connection, so that many can be tested."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        super().__init__(Path("absent.duckdb"))
        self.connection = connection

    @contextmanager
    def read(self, *parts: Part) -> Iterator[duckdb.DuckDBPyConnection]:
        yield self.connection

    write = read


ROUNDS = st.lists(
    st.lists(st.sets(st.sampled_from("abcde"), min_size=1, max_size=3), max_size=5), min_size=1, max_size=3
)


def built(store: Store, version: str, made_of: list[set[str]]) -> None:
    """Documents; pairs of one to three of them each; and pairs of two pairs. Each says the letters of its documents."""
    read = publish(store, "documents", version, documents(sorted(set().union(*made_of))))
    by_letter = dict(store.read(read).select("text", "id").rows())
    gate = Gate(Pair)
    for letters in made_of:
        row_ids = [by_letter[letter] for letter in sorted(letters)]
        gate.keep(saying(letters), [*((one, "document") for one in row_ids), (call_of(row_ids[0]), "call")])
    made = publish(store, "pairs", version, gate.result(), documents=read)
    gate = Gate(Pair)
    for one, other in pairwise(store.read(made).to_dicts()):
        gate.keep(one)
        gate.keep(saying({*one["response"], *other["response"]}), [(one["id"], "first"), (other["id"], "second")])
    publish(store, "training_sets/x", version, gate.result(), pairs=made)


def saying(letters: set[str]) -> dict[str, str]:
    return {"method": "m", "level": "", "instruction": "Which?", "input": "", "response": "".join(sorted(letters))}


@settings(max_examples=15)
@given(history=ROUNDS, data=st.data())
def test_exactly_the_rows_that_depend_on_a_row_are_listed(history: list[list[set[str]]], data: st.DataObject) -> None:
    with FileWarehouse(Path("absent.duckdb")).read() as connection:
        store = Store(OpenWarehouse(connection))
        for made_of in history:
            built(store, f"{made_of}", made_of)
        known = sorted({letter for made_of in history for letters in made_of for letter in letters})
        if not known:
            return
        letter = data.draw(st.sampled_from(known))
        gone = only(store, f"SELECT id FROM records.document WHERE text = '{letter}'")

        affected = find_affected(store.database, gone)
        catalog = store.catalog()
        hit = {
            place: [row["id"] for row in store.read(one).to_dicts() if letter in row.get("response", row.get("text"))]
            for place, one in catalog.stored.items()
        }
        current = {(one.asset, one.version) for one in catalog.published.values()}
        assert affected.records == {place[0]: ids for place, ids in hit.items() if ids and place in current}
        listed = [*affected.rows, *affected.training_sets, *affected.earlier]
        assert {(one.asset, one.version): one.rows for one in listed} == {
            place: len(ids) for place, ids in hit.items() if ids
        }

        withdraw(store.database, affected, "why")
        withdrawals = read_withdrawals(connection)
        for place, one in catalog.stored.items():
            held = store.read(one)["id"].to_list()
            assert withdrawn_ancestors(connection, held, withdrawals) == (
                len(hit[place]),
                list(withdrawals.entries) if hit[place] else [],
            )
        built(store, "without", [letters for letters in history[-1] if letter not in letters])
        below = {link.child for link in Graph(connection).descent([gone])}
        assert not below & set(
            connection.execute("SELECT record FROM lineage.outcomes WHERE outcome = 'kept'").pl()["record"]
        )
        assert find_affected(store.database, gone).records == {}
