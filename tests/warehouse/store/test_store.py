"""Auditors read the store. A publish must be all or nothing, a version must read back as it was written, and going back
to an earlier recipe must only move a pointer. So the tables are compared row by row."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from warehouse.audit.status import status
from warehouse.core.identity import digest
from warehouse.results.result import Gate, Result
from warehouse.results.validation import InvalidTable
from warehouse.schema.records import Document, Embedding
from warehouse.schema.views import view_name
from warehouse.store.published import Effort, Published, Run, Target
from warehouse.store.tables import SCHEMAS
from warehouse.store.versions import Store
from warehouse.store.warehouse import Warehouse, WarehouseError

SOURCE = ("5" * 32, "source")
V1, V2, V3 = "1" * 32, "2" * 32, "3" * 32
CODE = {"assets/x.py": "c" * 16}
NO_RECIPE = hashlib.sha256(b"{}").hexdigest()
EFFORT = Effort(computed=3, from_memo=2, tokens=50, model_seconds=1.5, seconds=2.5)


@pytest.fixture
def store(warehouse: Warehouse) -> Store:
    return Store(warehouse)


def document(text: str) -> dict[str, str]:
    return {"source": "wiki", "title": "", "text": text}


def documents(kept: str, rejected: str = "") -> Result:
    gate = Gate(Document)
    for text in kept:
        gate.keep(document(text), [SOURCE])
    for text in rejected:
        gate.reject(document(text), "too short", [SOURCE], score=1, cut=2)
    return gate.result()


def target(asset: str = "documents", version: str = V1) -> Target:
    return Target(asset, version, 0, CODE, {"seed": 7}, {"items": "d" * 32})


def publish(store: Store, result: Result, asset: str = "documents", version: str = V1) -> Published:
    return store.publish(target(asset, version), result, {"note": "n"}, EFFORT, Run("run-1"))


def rows(store: Store, query: str) -> list[tuple[Any, ...]]:
    with store.database.read() as connection:
        return connection.execute(query).fetchall()


def everything(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables, and the views."""
    queries = {f"{schema}.{name}": f"FROM {schema}.{name}" for schema, tables in SCHEMAS.items() for name in tables}
    queries["views"] = "SELECT view_name FROM duckdb_views() WHERE NOT internal AND schema_name = 'main'"
    with store.database.read() as connection:
        return {name: connection.execute(query).fetchall() for name, query in queries.items()}


def test_a_warehouse_without_a_build_has_no_current_version(store: Store) -> None:
    assert store.current("documents") is None
    assert store.catalog().find("documents", V1) is None


def test_what_is_published_reads_back_equal_and_in_order(store: Store) -> None:
    result = documents("cab", rejected="d")
    published = publish(store, result)
    assert published == Published("documents", V1, result.data_version, "document")
    assert store.facts(published) == {"note": "n"}
    assert store.target_of(published) == target()
    assert store.current("documents") == published
    assert store.catalog().find("documents", V1) == published
    assert store.read(published).equals(result.kept)
    assert store.read(published)["text"].to_list() == ["c", "a", "b"]


def test_a_list_column_reads_back_equal(store: Store) -> None:
    gate = Gate(Embedding)
    gate.keep({"embedded": "a" * 32, "vector": [0.5, -0.25, 1e-7]})
    gate.keep({"embedded": "b" * 32, "vector": []})
    result = gate.result()
    back = store.read(publish(store, result))
    assert (
        back.schema
        == result.kept.schema
        == pl.Schema({"id": pl.String, "embedded": pl.String, "vector": pl.List(pl.Float32)})
    )
    assert back.equals(result.kept)


def test_a_version_without_kept_rows_reads_back_empty_with_its_columns(store: Store) -> None:
    result = documents("", rejected="a")
    back = store.read(publish(store, result))
    assert back.equals(result.kept)
    assert back.columns == ["id", "source", "title", "text"]


def test_a_publish_writes_these_rows_and_no_others(store: Store) -> None:
    gate = Gate(Document)
    kept = gate.keep(document("a"), [SOURCE], score=3.0, cut=1.0)
    lost = gate.reject(document("b"), "too short", [SOURCE], score=1, cut=2)
    twin = gate.keep(document("a"), [SOURCE])
    result = gate.result()
    publish(store, result)
    # Tables have no order, except decisions, whose last value is their position.
    found = {
        name: sorted(table, key=lambda row: row[-1]) if name == "lineage.decisions" else table
        for name, table in everything(store).items()
    }
    for name in ("lineage.records", "lineage.edges"):
        found[name].sort(key=lambda row: (kept, lost, twin).index(row[0]))
    told = {name: table for name, table in found.items() if table}
    created = told["lineage.versions"][0][-1]
    finished = told["lineage.materializations"][0][-1]
    assert told == {
        "records.document": [(kept, "wiki", "", "a")],
        "lineage.records": [
            (kept, "document", "documents", None),
            (lost, "document", "documents", '{"source":"wiki","text":"b","title":""}'),
            (twin, "document", "documents", '{"source":"wiki","text":"a","title":""}'),
        ],
        "lineage.edges": [(row_id, *SOURCE) for row_id in (kept, lost, twin)],
        "lineage.decisions": [
            ("documents", V1, kept, "kept", None, 3.0, 1.0, None, 0),
            ("documents", V1, lost, "rejected", "too short", 1.0, 2.0, None, 1),
            ("documents", V1, twin, "duplicate", "same content", None, None, kept, 2),
        ],
        "lineage.versions": [
            (
                "documents",
                V1,
                digest([kept]),
                "document",
                0,
                0,
                "",
                3,
                '{"assets/x.py":"cccccccccccccccc"}',
                '{"seed":7}',
                json.dumps({"items": "d" * 32}, separators=(",", ":")),
                '{"note":"n"}',
                created,
            )
        ],
        "lineage.pointers": [("", "documents", V1)],
        "lineage.materializations": [("run-1", NO_RECIPE, "documents", V1, "built", 3, 2, 50, 2.5, finished)],
        "lineage.recipes": [(NO_RECIPE, "{}")],
        "views": [("documents",)],
    }


def test_every_table_holds_to_its_model_after_a_publish(store: Store) -> None:
    publish(store, documents("ab", rejected="cd"))
    gate = Gate(Embedding)
    gate.keep({"embedded": "a" * 32, "vector": [0.5]}, [("a" * 32, "embedded")])
    store.reuse(publish(store, gate.result(), "embeddings/x"), "unchanged", EFFORT, Run("run-2"))
    with store.database.read() as connection:
        for schema, tables in SCHEMAS.items():
            for name, model in tables.items():
                frame = connection.sql(f"FROM {schema}.{name}").pl()
                model.validate(frame, lazy=True)
                assert frame.columns == list(model.to_schema().columns)


def test_the_view_of_an_asset_shows_its_kept_rows_with_their_positions(store: Store) -> None:
    result = documents("ba", rejected="c")
    publish(store, result, "raw/wiki")
    assert view_name("raw/wiki") == "raw__wiki"
    assert rows(store, 'SELECT text, position FROM "raw__wiki"') == [("b", 0), ("a", 1)]
    assert [row[0] for row in rows(store, 'SELECT id FROM "raw__wiki"')] == result.kept["id"].to_list()


def test_the_view_follows_the_current_version(store: Store) -> None:
    first = publish(store, documents("a"), "raw/wiki", V1)
    publish(store, documents("bc"), "raw/wiki", V2)
    assert rows(store, 'SELECT text FROM "raw__wiki"') == [("b",), ("c",)]
    store.reuse(first, "unchanged", EFFORT, Run("run-2"))
    assert rows(store, 'SELECT text FROM "raw__wiki"') == [("a",)]


def test_a_result_with_two_decisions_about_one_record_is_not_published(store: Store) -> None:
    publish(store, documents("a"))
    before = everything(store)
    twice = documents("bc")
    twice = replace(twice, decisions=pl.concat([twice.decisions, twice.decisions[:1]]))
    with pytest.raises(WarehouseError) as refused:
        publish(store, twice, version=V2)
    assert str(refused.value) == "documents has two decisions about one record; nothing was published"
    assert everything(store) == before


def test_an_error_in_the_middle_of_a_publish_leaves_nothing(store: Store) -> None:
    before = everything(store)
    with pytest.raises(TypeError):
        store.publish(target(), documents("ab", "c"), {"facts": {"no", "JSON"}}, EFFORT, Run("run-1"))
    assert everything(store) == before
    assert store.current("documents") is None


def test_an_error_at_the_very_end_of_a_publish_leaves_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    first = publish(store, documents("a"))
    before = everything(store)

    def broken(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("warehouse.store.versions.point", broken)
    with pytest.raises(KeyboardInterrupt):
        publish(store, documents("b"), version=V2)
    monkeypatch.undo()
    assert everything(store) == before
    assert store.current("documents") == first
    publish(store, documents("b"), version=V2)
    assert rows(store, "SELECT text FROM documents") == [("b",)]


def test_publishing_a_version_again_changes_no_row_of_it(store: Store) -> None:
    publish(store, documents("ab", "c"))
    before = everything(store)
    publish(store, documents("ab", "c"))
    after = everything(store)
    assert len(after.pop("lineage.materializations")) == 2
    assert len(before.pop("lineage.materializations")) == 1
    assert after == before


def test_going_back_to_an_earlier_version_moves_the_pointer_and_nothing_else(store: Store) -> None:
    first = publish(store, documents("ab"), version=V1)
    second = publish(store, documents("bc"), version=V2)
    assert store.current("documents") == second
    before = everything(store)
    store.reuse(first, "restored", Effort(seconds=0.25), Run("run-3"))
    after = everything(store)
    assert store.current("documents") == first
    assert store.read(first).equals(documents("ab").kept)
    assert store.read(second).equals(documents("bc").kept)
    assert after.pop("lineage.pointers") == [("", "documents", V1)]
    assert before.pop("lineage.pointers") == [("", "documents", V2)]
    runs = after.pop("lineage.materializations")
    assert runs[:2] == before.pop("lineage.materializations")
    assert [row[:-1] for row in runs[2:]] == [("run-3", NO_RECIPE, "documents", V1, "restored", 0, 0, 0, 0.25)]
    assert after == before


def test_reuse_of_the_current_version_is_unchanged(store: Store) -> None:
    published = publish(store, documents("a"))
    store.reuse(published, "unchanged", EFFORT, Run("run-2"))
    assert rows(store, "SELECT run, action FROM lineage.materializations") == [
        ("run-1", "built"),
        ("run-2", "unchanged"),
    ]
    assert store.current("documents") == published


def test_the_versions_of_one_asset_leave_another_asset_alone(store: Store) -> None:
    other = publish(store, documents("z"), "other", V3)
    publish(store, documents("a"), version=V1)
    publish(store, documents("b"), version=V2)
    assert store.current("other") == other
    assert rows(store, "SELECT * FROM lineage.current ORDER BY asset") == [
        ("documents", V2),
        ("other", V3),
    ]


def test_equal_records_of_two_assets_are_stored_once(store: Store) -> None:
    one = publish(store, documents("ab"), "first", V1)
    two = publish(store, documents("bc"), "second", V2)
    assert rows(store, "SELECT text FROM records.document ORDER BY text") == [("a",), ("b",), ("c",)]
    assert len(rows(store, "FROM lineage.edges")) == 3
    assert rows(
        store, "SELECT r.text, l.asset FROM lineage.records l JOIN records.document r USING (id) ORDER BY 1"
    ) == [("a", "first"), ("b", "first"), ("c", "second")]
    assert store.read(one)["text"].to_list() == ["a", "b"]
    assert store.read(two)["text"].to_list() == ["b", "c"]


@pytest.mark.parametrize("first", ["keeps", "drops"])
def test_a_record_that_one_asset_drops_and_another_keeps_is_stored_once_with_its_edges(
    store: Store, first: str
) -> None:
    publishes = [(documents("a"), "keeps", V1), (documents("", "a"), "drops", V2)]
    for result, asset, version in publishes if first == "keeps" else reversed(publishes):
        publish(store, result, asset, version)
    row_id = documents("a").kept["id"][0]
    content = None if first == "keeps" else '{"source":"wiki","text":"a","title":""}'
    assert rows(store, "FROM records.document") == [(row_id, "wiki", "", "a")]
    assert rows(store, "FROM lineage.records") == [(row_id, "document", first, content)]
    assert rows(store, "FROM lineage.edges") == [(row_id, *SOURCE)]
    assert rows(store, "SELECT asset, record, outcome FROM lineage.decisions ORDER BY asset") == [
        ("drops", row_id, "rejected"),
        ("keeps", row_id, "kept"),
    ]


def test_a_row_passed_on_by_a_second_asset_keeps_the_edges_of_the_first(store: Store) -> None:
    upstream = store.read(publish(store, documents("ab")))
    gate = Gate(Document)
    first, second = upstream.to_dicts()
    gate.keep(second)
    gate.reject(first, "not sampled")
    publish(store, gate.result(), "drawn", V2)
    assert sorted(rows(store, "FROM lineage.edges")) == sorted((row_id, *SOURCE) for row_id in upstream["id"])
    assert rows(store, "SELECT text FROM drawn") == [("b",)]


def test_rows_that_are_only_counted_are_in_the_ledger_and_in_no_other_table(store: Store) -> None:
    """A version that lost count of them would look as if rows had disappeared."""
    gate = Gate(Document, 12)
    gate.keep(document("a"), [SOURCE])
    gate.reject(document("b"), "not sampled", [SOURCE])
    gate.count("not sampled", 7)
    gate.count("broken", 3, "quarantined")
    gate.count("outside the slice", 0)
    result = gate.result()
    assert result.counts() == {
        ("rejected", "not sampled"): 8,
        ("quarantined", "broken"): 3,
        ("kept", ""): 1,
    }
    publish(store, result)
    assert len(rows(store, "FROM lineage.records")) == len(rows(store, "FROM lineage.decisions")) == 2
    columns = "incoming, kept, rejected, duplicate, failed, quarantined, closes"
    assert rows(store, f"SELECT {columns} FROM lineage.ledger") == [(12, 1, 8, 0, 0, 3, True)]
    assert rows(store, "SELECT outcome, reason, rows FROM lineage.tallies ORDER BY ALL") == [
        ("kept", "", 1),
        ("quarantined", "broken", 3),
        ("rejected", "not sampled", 8),
    ]
    (status_,) = status(store.database, ["documents"])
    assert status_.reasons == {"rejected: not sampled": 8, "quarantined: broken": 3}
    with store.database.write() as connection:
        connection.execute("DELETE FROM lineage.counted WHERE outcome = 'quarantined'")
    assert rows(store, "SELECT closes FROM lineage.ledger") == [(False,)]


def test_bookkeeping_that_breaks_its_table_is_refused_with_the_rule(store: Store) -> None:
    before = everything(store)
    with pytest.raises(InvalidTable) as refused:
        publish(store, documents("a"), version="x" * 32)
    assert str(refused.value) == (
        "lineage.decisions: version breaks str_matches('^[0-9a-f]{32}$'): found 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'; "
        "nothing was written"
    )
    assert everything(store) == before
