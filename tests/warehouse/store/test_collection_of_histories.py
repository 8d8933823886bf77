"""Examples cannot show that a collection never deletes too much. So random histories of three assets that build on each
other are collected, and everything that is kept must read as before, record by record and edge by edge."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.versions import call_of, contents, documents, pairs, publish, rows
from warehouse.core.identity import digest
from warehouse.release.export import record_export
from warehouse.results.result import Gate
from warehouse.schema.records import Pair
from warehouse.store.collection import collect, find_garbage
from warehouse.store.file_warehouse import FileWarehouse
from warehouse.store.tables import SCHEMAS
from warehouse.store.versions import Store

LETTERS = st.lists(st.sampled_from("abcde"), unique=True, max_size=4)
ASSETS = ("documents", "pairs", "training_set")


@dataclass(frozen=True)
class Round:
    """A build: the documents kept and rejected, the pairs that pass the gate, and how many of the assets it built."""

    kept: list[str]
    rejected: list[str]
    passed: list[str]
    depth: int
    exported: bool


ROUNDS = st.lists(st.builds(Round, LETTERS, LETTERS, LETTERS, st.integers(1, 3), st.booleans()), min_size=2, max_size=4)


def built(store: Store, one: Round) -> None:
    rejected = [letter for letter in one.rejected if letter not in one.kept]
    published = publish(store, "documents", digest([one.kept, rejected]), documents(one.kept, rejected))
    if one.depth > 1:
        documents_ = published
        published = publish(
            store, "pairs", digest(documents_.data_version), pairs(store, documents_), documents=documents_
        )
    if one.depth > 2:
        gate, pairs_ = Gate(Pair), published
        for row in store.read(pairs_).to_dicts():
            if row["response"] in one.passed:
                gate.keep(row)
            else:
                gate.reject(row, "not sampled")
        version = digest([pairs_.data_version, one.passed])
        published = publish(store, "training_set", version, gate.result(), pairs=pairs_)
    if one.exported:
        record_export(store, published, Path("exports"), {})


class Uncompacted(FileWarehouse):
    """Saves the seconds that a file of its final size takes."""

    def compact(self) -> None:
        pass


@settings(max_examples=15)
@given(history=ROUNDS, keep=st.integers(1, 3))
def test_what_is_kept_reads_as_before_and_leads_back_to_where_it_came_from(history: list[Round], keep: int) -> None:
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as reading:
        store = Store(Uncompacted(Path(scratch) / "warehouse.duckdb"))
        for one in history:
            built(store, one)
        decided = "SELECT asset, version, record, outcome FROM lineage.decisions ORDER BY ALL"
        edges = "SELECT child, parent, role FROM lineage.edges ORDER BY ALL"
        with store.database.read():  # one connection for all reads, as a build has
            before, said = store.catalog(), contents(store)
            read = {place: store.read(published) for place, published in before.stored.items()}
            decisions_before, edges_before = rows(store, decided), rows(store, edges)

        garbage = find_garbage(store.database, keep)
        collect(store.database, garbage)

        reading.enter_context(store.database.read())
        after, says = store.catalog(), contents(store)
        gone = {(one.asset, one.version) for one in garbage.versions}
        assert after.stored.keys() == before.stored.keys() - gone
        assert after.published == before.published
        assert {
            tuple(place) for place in rows(store, "SELECT asset, version FROM lineage.exports")
        } <= after.stored.keys()
        for asset in ASSETS:
            stored = sum(place[0] == asset for place in before.stored)
            assert sum(place[0] == asset for place in after.stored) >= min(keep, stored)
        for place, published in after.stored.items():
            assert store.read(published).equals(read[place])
            for asset, data_version in store.target_of(published).inputs.items():
                assert store.kept_ids(asset, data_version) is not None
        decisions, records = (
            rows(store, decided),
            {row_id for (row_id,) in rows(store, "SELECT id FROM lineage.records")},
        )
        assert decisions == [row for row in decisions_before if (row[0], row[1]) not in gone]
        assert {row[2] for row in decisions} <= records
        assert rows(store, edges) == [row for row in edges_before if row[0] in records]
        for _, parent, role in rows(store, edges):
            assert role in ("source", "call") or parent in records
        assert says == {row_id: said[row_id] for row_id in records}
        held = {row[2] for row in decisions}
        parents = {parent for _, parent, _ in rows(store, edges)}
        assert records <= held | parents
        assert {call_of(row_id) for row_id in parents & records} <= parents
        with store.database.read() as connection:
            for schema, tables in SCHEMAS.items():
                for name, model in tables.items():
                    model.validate(connection.sql(f"FROM {schema}.{name}").pl(), lazy=True)
        assert find_garbage(store.database, keep).nothing
