"""Ancestry and descent must be complete, also through model calls, adapters and declared ancestors, and the SQL macros
in the file must give the same links as the functions."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.versions import publish, rows
from warehouse.core.identity import digest
from warehouse.lineage.graph import Graph, Link
from warehouse.results.result import Gate
from warehouse.schema.records import Checkpoint, Document, Pair
from warehouse.store.calls import Answer, Call
from warehouse.store.file_warehouse import FileWarehouse
from warehouse.store.inserting import insert
from warehouse.store.materials import DESCRIPTION, record_materials
from warehouse.store.memo import Memo
from warehouse.store.versions import Store


@st.composite
def graphs(draw: st.DrawFn) -> list[Link]:
    """Links of a random graph without cycles: each node's parents have lower numbers."""
    nodes = [digest(number) for number in range(draw(st.integers(2, 12)))]
    return [
        Link(nodes[child], nodes[parent], role)
        for child in range(1, len(nodes))
        for parent in sorted(draw(st.sets(st.integers(0, child - 1), max_size=4)))
        for role in sorted(draw(st.sets(st.sampled_from(["seed", "document"]), min_size=1)))
    ]


def reached(links: list[Link], start: str, up: bool) -> set[Link]:
    """The links on paths up or down from `start`, found by adding links until none is new."""
    nodes, found = {start}, set()
    while more := [one for one in links if (one.child if up else one.parent) in nodes and one not in found]:
        found.update(more)
        nodes |= {one.parent if up else one.child for one in more}
    return found


@settings(max_examples=50)
@given(graphs(), st.data())
def test_ancestors_and_descendants_are_those_of_a_reference(links: list[Link], data: st.DataObject) -> None:
    start = digest(data.draw(st.integers(0, 11)))
    with FileWarehouse(Path("absent.duckdb")).read() as connection:
        if links:
            insert(connection, "lineage.edges", pl.DataFrame([vars(link) for link in links]))
        graph = Graph(connection)
        assert graph.ancestry([start]) == sorted(reached(links, start, up=True))
        assert graph.descent([start]) == sorted(reached(links, start, up=False))
        for macro, up in (("ancestors", True), ("descendants", False)):
            found = connection.execute(f"FROM lineage.{macro}(?)", [start]).fetchall()
            assert sorted(Link(*row) for row in found) == sorted(reached(links, start, up))


def test_ancestry_and_descent_include_calls_adapters_and_declared_ancestors(tmp_path: Path) -> None:
    store = Store(FileWarehouse(tmp_path / "warehouse.duckdb"))
    model, source, corpus = digest("model"), digest("source"), digest("corpus")
    described = [
        (model, "model", "generator", "path:m", "a" * 64, "MIT", "human", '["corpus"]'),
        (source, "source", "wiki", "path:w", "b" * 64, "MIT", "human", "[]"),
        (corpus, "ancestor", "corpus", None, None, "MIT", "human", "[]"),
    ]
    schema = dict.fromkeys(DESCRIPTION, pl.String)
    record_materials(store.database, pl.DataFrame(described, schema=schema, orient="row"))

    documents = Gate(Document)
    document = documents.keep({"source": "wiki", "title": "", "text": "Pesto."}, [(source, "source")])
    publish(store, "documents", "1", documents.result())

    training = answer(store, "training", model)
    checkpoints = Gate(Checkpoint)
    content = {
        "name": "x",
        "seed": 1,
        "base": model,
        "training": training,
        "weights": "f" * 64,
        "examples": 1,
        "losses": [0.5],
    }
    checkpoint = checkpoints.keep(content, [(model, "base"), (training, "call"), (document, "training_row")])
    publish(store, "backward_model", "1", checkpoints.result())

    call = answer(store, "completion", digest([model, "f" * 64]))
    pairs = Gate(Pair)
    content = {"method": "m", "level": "", "instruction": "What?", "input": "", "response": "Pesto."}
    pair = pairs.keep(content, [(document, "document"), (call, "call")])
    publish(store, "raw_m", "1", pairs.result())

    to_source = [Link(document, source, "source")]
    to_model = [Link(training, model, "model"), Link(model, corpus, "made_from")]
    to_checkpoint = [Link(checkpoint, model, "base"), Link(checkpoint, training, "call")]
    learned = [Link(checkpoint, document, "training_row")]
    written = [Link(call, checkpoint, "model"), Link(pair, call, "call")]
    answers = [Link(pair, document, "document")]
    with store.database.read() as connection:
        graph = Graph(connection)
        everything = sorted(to_source + to_model + to_checkpoint + learned + written + answers)
        assert graph.ancestry([pair]) == everything
        assert graph.descent([corpus]) == sorted(to_model + to_checkpoint + written)
        assert graph.descent([source]) == sorted(to_source + learned + written + answers)
    in_sql = [Link(*row) for row in rows(store, f"FROM lineage.ancestors('{pair}')")]
    # Declarations in a recipe are JSON with names, which the macro does not follow.
    assert sorted(in_sql) == [link for link in everything if link.role != "made_from"]


def answer(store: Store, kind: str, model: str) -> str:
    """Store a call and return its key."""
    call = Call(kind, model, {"text": kind})
    Memo(store.database).run([call], lambda calls: [(calls, lambda batch: [Answer({}, 1, 0.1)])])
    return call.key
