"""Publishes small versions without a build, for tests of stored versions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from warehouse.core.identity import Parent, digest
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Checkpoint, Document, Pair
from warehouse.store.published import Effort, Published, Run, Target
from warehouse.store.tables import SCHEMAS
from warehouse.store.versions import Store

SOURCE = ("5" * 32, "source")


def documents(kept: Iterable[str], rejected: Iterable[str] = (), parents: Iterable[Parent] = (SOURCE,)) -> Result:
    """One document per text."""
    gate = Gate(Document)
    for text in kept:
        gate.keep({"source": "wiki", "title": "", "text": text}, parents)
    for text in rejected:
        gate.reject({"source": "wiki", "title": "", "text": text}, "too short", parents)
    return gate.result()


def call_of(document: str) -> str:
    """The id of the call that wrote the pair of a document."""
    return digest(["call", document])


def pairs(store: Store, of: Published) -> Result:
    """One pair per document of a version, made from the document and a call."""
    gate = Gate(Pair)
    for row in store.read(of).iter_rows(named=True):
        content = {
            "method": "m",
            "level": "",
            "instruction": f"why {row['text']}",
            "input": "",
            "response": row["text"],
        }
        gate.keep(content, [(row["id"], "document"), (call_of(row["id"]), "call")])
    return gate.result()


def checkpoint(training: str, rows: Iterable[str] = ()) -> Result:
    """The one checkpoint of a training call."""
    gate = Gate(Checkpoint)
    content = {
        "name": "x",
        "seed": 1,
        "base": "b" * 32,
        "training": training,
        "weights": "f" * 64,
        "examples": 1,
        "losses": [0.5],
    }
    gate.keep(content, [(training, "call"), *((row, "training_row") for row in rows)])
    return gate.result()


def publish(store: Store, asset: str, version: str, result: Result, **inputs: Published) -> Published:
    """Publish `result` under the digit or name `version`, as made from the versions `inputs`."""
    made_of = {published.asset: published.data_version for published in inputs.values()}
    target = Target(asset, named(version), 0, {}, {}, made_of)
    return store.publish(target, result, {}, Effort(), Run("run"))


def named(version: str) -> str:
    """The version that `publish` gives the digit or name `version`."""
    return version * 32 if len(version) == 1 else digest(version)


def rows(store: Store, query: str) -> list[tuple[Any, ...]]:
    """The rows of a query."""
    with store.database.read() as connection:
        return connection.execute(query).fetchall()


def everything(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables."""
    tables = [f"{schema}.{name}" for schema, tables in SCHEMAS.items() for name in tables]
    with store.database.read() as connection:
        return {table: connection.execute(f"FROM {table}").fetchall() for table in tables}


def stored(store: Store) -> set[tuple[str, str]]:
    """(asset, first digit of the version) of all stored versions."""
    return {(asset, version[0]) for asset, version in rows(store, "SELECT asset, version FROM lineage.versions")}


def contents(store: Store) -> dict[str, Mapping[str, Any]]:
    """The content of each record by id, wherever it is stored; a record without stored content is left out."""
    found: dict[str, Mapping[str, Any]] = {}
    with store.database.read() as connection:
        records = connection.execute("SELECT id, kind, content FROM lineage.records").fetchall()
        for kind in {kind for _, kind, _ in records}:
            for row in connection.execute(f"FROM records.{kind}").pl().iter_rows(named=True):
                found[row["id"]] = {name: value for name, value in row.items() if name != "id"}
    return {
        row_id: json.loads(content) if content else found[row_id]
        for row_id, _, content in records
        if content or row_id in found
    }


def ids_by_text(store: Store, asset: str) -> dict[str, str]:
    """Ids of the kept rows of an asset by their main text."""
    published = store.current(asset)
    assert published is not None
    frame = store.read(published)
    return dict(zip(frame["response" if "response" in frame.columns else "text"], frame["id"], strict=True))


def gated(store: Store, of: Published, version: str, cut: float) -> Published:
    """A gate that keeps pairs whose response has a score of at most `cut`, its place in the alphabet."""
    gate = Gate(Pair)
    for row in store.read(of).iter_rows(named=True):
        score = float(ord(row["response"][0]) - ord("a"))
        if row["response"] == "twin of a":
            gate.duplicate(row, ids_by_text(store, "pairs")["a"], "similar instruction", score=0.95, cut=0.9)
        elif score > cut:
            gate.reject(row, "perplexity", score=score, cut=cut)
        else:
            gate.keep(row, score=score, cut=cut)
    return publish(store, "gated", version, gate.result(), pairs=of)


def gated_pairs(store: Store) -> Published:
    """Documents a, b, c, d and "twin of a"; a pair for each; a gate that keeps the pairs of a and b."""
    made_of = publish(store, "documents", "1", documents(["a", "b", "c", "d", "twin of a"], rejected=["lost"]))
    return gated(store, publish(store, "pairs", "2", pairs(store, made_of), documents=made_of), "3", 1.0)
