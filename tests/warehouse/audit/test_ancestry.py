"""The check of openness needs the exact ancestry of rows, neither less nor more: also through the adapter that answered
a call, with what measured this version and no other, and with the descriptions of the right time."""

from __future__ import annotations

import time
from pathlib import Path

import polars as pl
import pytest

from assets.openness.ancestry import openness
from assets.openness.rules import Terms
from tests.support.versions import publish
from warehouse.audit.ancestry import ancestry, upstream_versions
from warehouse.audit.versions import ancestry_of_version
from warehouse.core.identity import digest
from warehouse.lineage.graph import Graph, Link
from warehouse.release.provenance import provenance_of
from warehouse.results.result import Gate
from warehouse.schema.records import Checkpoint, Document, Embedding, Pair
from warehouse.store.calls import Answer, Call
from warehouse.store.file_warehouse import FileWarehouse
from warehouse.store.materials import DESCRIPTION, record_materials
from warehouse.store.memo import Memo
from warehouse.store.published import Published
from warehouse.store.versions import Store

MODEL, SOURCE = digest("model"), digest("source")
TERMS = Terms(("MIT",))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    found = Store(FileWarehouse(tmp_path / "warehouse.duckdb"))
    describe(found, MODEL, "model", "generator")
    describe(found, SOURCE, "source", "wiki")
    return found


def describe(store: Store, row_id: str, role: str, name: str, licence: str = "MIT", origin: str = "human") -> None:
    described = (row_id, role, name, f"path:{name}-{licence}", "a" * 64, licence, origin, "[]")
    schema = dict.fromkeys(DESCRIPTION, pl.String)
    record_materials(store.database, pl.DataFrame([described], schema=schema, orient="row"))


def answer(store: Store, text: str, model: str = MODEL, kind: str = "completion") -> str:
    call = Call(kind, model, {"text": text})
    Memo(store.database, "vllm==1.0").run([call], lambda calls: [(calls, lambda batch: [Answer({}, 1, 0.1)])])
    return call.key


def documents(store: Store, source: str = SOURCE, asset: str = "documents") -> Published:
    gate = Gate(Document)
    gate.keep({"source": "wiki", "title": "", "text": f"Pesto of {asset}."}, [(source, "source")])
    return publish(store, asset, "1", gate.result())


def only(store: Store, published: Published) -> str:
    return str(store.read(published)["id"][0])


def pairs(store: Store, read: Published, call: str) -> Published:
    gate = Gate(Pair)
    content = {"method": "m", "level": "", "instruction": "What?", "input": "", "response": "Pesto."}
    gate.keep(content, [(only(store, read), "document"), (call, "call")])
    return publish(store, "raw_m", "2", gate.result(), documents=read)


def checkpoint(store: Store, name: str, trained_on: Published) -> str:
    gate = Gate(Checkpoint)
    training = answer(store, name, kind="training")
    content = {
        "name": name,
        "seed": 1,
        "base": MODEL,
        "training": training,
        "weights": "f" * 64,
        "examples": 1,
        "losses": [0.5],
    }
    row = gate.keep(content, [(MODEL, "base"), (training, "call"), (only(store, trained_on), "training_row")])
    publish(store, f"students/{name}", f"student {name}", gate.result(), rows=trained_on)
    return row


def embeddings(store: Store, of: Published, embedder: str, version: str) -> Published:
    gate = Gate(Embedding)
    pair = only(store, of)
    gate.keep(
        {"embedded": pair, "vector": [1.0]}, [(pair, "embedded"), (answer(store, pair, embedder, "embedding"), "call")]
    )
    return publish(store, "instruction_embeddings/m", version, gate.result(), pairs=of)


def passed_on(store: Store, asset: str, version: str, **inputs: Published) -> Published:
    gate = Gate(Pair)
    for row in store.read(inputs["pairs"]).iter_rows(named=True):
        gate.keep(row)
    return publish(store, asset, version, gate.result(), **inputs)


def test_the_ancestry_of_a_call_has_what_its_adapter_was_trained_on(store: Store) -> None:
    closed = digest("closed")
    describe(store, closed, "source", "chats", origin="model:gpt-4")
    trained = checkpoint(store, "backward", documents(store, closed, "chats"))
    call = answer(store, "What?", digest([MODEL, "f" * 64]))
    made = pairs(store, documents(store), call)
    with store.database.read() as connection:
        found = ancestry(connection, [only(store, made)])
        assert [one.name for one in found.used] == ["generator", "chats", "wiki"]
        assert found.engines == ("vllm==1.0",)
        assert ancestry(connection, [call]).used == found.used[:2]
        check = openness(found, TERMS)
        assert Link(call, trained, "model") in Graph(connection).ancestry([only(store, made)])
    assert not check.passed
    assert "gpt-4 is a closed model of OpenAI" in check.facts["not open"]


def test_all_checkpoints_with_the_same_weights_are_parents_of_a_call(store: Store) -> None:
    rows = documents(store)
    both = {checkpoint(store, name, rows) for name in ("x", "y")}
    call = answer(store, "What?", digest([MODEL, "f" * 64]))
    with store.database.read() as connection:
        graph = Graph(connection)
        assert {link.parent for link in graph.ancestry([call]) if link.child == call} == both
        for one in both:
            assert [link for link in graph.descent([one]) if link.role == "model"] == [Link(call, one, "model")]


def test_a_measurement_counts_only_for_the_versions_that_used_it(store: Store) -> None:
    old, new = digest("old embedder"), digest("new embedder")
    describe(store, old, "model", "embedder", licence="llama3")
    describe(store, new, "model", "other")
    made = pairs(store, documents(store), answer(store, "What?"))
    measured = embeddings(store, made, old, "3")
    by_old = passed_on(store, "diverse/x", "4", pairs=made, vectors=measured)
    by_new = passed_on(store, "diverse/y", "5", pairs=made, vectors=embeddings(store, made, new, "6"))
    by_none = passed_on(store, "diverse/z", "7", pairs=made)
    with store.database.read() as connection:
        models = {
            published.asset: [
                one.name for one in ancestry_of_version(connection, published.asset, published.version).used
            ]
            for published in (by_old, by_new, by_none)
        }
        # While the rows are measured again, earlier measurements do not count.
        being_built = ancestry(
            connection, [only(store, made)], upstream_versions(connection, {"raw_m": made.data_version})
        )
    assert models == {
        "diverse/x": ["embedder", "generator", "wiki"],
        "diverse/y": ["generator", "other", "wiki"],
        "diverse/z": ["generator", "wiki"],
    }
    assert [one.name for one in being_built.used] == ["generator", "wiki"]


def test_two_models_with_the_same_name_are_both_checked(store: Store) -> None:
    describe(store, digest("chats"), "source", "chats", origin="model:writer")
    for bytes_, licence in (("a", "MIT"), ("b", "unknown")):
        describe(store, digest(bytes_), "model", "writer", licence=licence)
    made = documents(store, digest("chats"))
    with store.database.read() as connection:
        check = openness(ancestry(connection, [only(store, made)]), TERMS)
    assert not check.passed
    assert check.facts["not open"].startswith("writer is not open: licence is 'unknown'")


def test_an_attestation_has_the_descriptions_from_the_time_of_the_build(store: Store) -> None:
    made = documents(store)
    time.sleep(0.01)
    describe(store, SOURCE, "source", "wiki", licence="CC0-1.0")
    with store.database.read() as connection:
        (now,) = ancestry_of_version(connection, made.asset, made.version).used
        (then,) = provenance_of(connection, made.asset, made.version).materials
    assert (now.licence, now.address) == ("CC0-1.0", "path:wiki-CC0-1.0")
    assert (then.licence, then.address) == ("MIT", "path:wiki-MIT")


def test_ids_of_unknown_origin_are_counted_and_listed(store: Store) -> None:
    made = pairs(store, documents(store, digest("nowhere")), answer(store, "What?", digest("nobody")))
    with store.database.read() as connection:
        found = ancestry(connection, [only(store, made)])
        check = openness(found, TERMS)
    assert (found.used, found.unknown) == ((), 2)
    assert set(found.unknown_ids) == {digest("nowhere"), digest("nobody")}
    assert check.facts["not open"] == f"2 of unknown origin, which counts as not open ({', '.join(found.unknown_ids)})"
