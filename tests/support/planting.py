"""A small consistent warehouse, and helpers of the audit tests: make one change, and state what the audit reports."""

from __future__ import annotations

from pathlib import Path

from tests.support.versions import SOURCE, documents, pairs, publish
from warehouse.audit.integrity import Finding, integrity
from warehouse.results.result import Result
from warehouse.store.file_warehouse import FileWarehouse
from warehouse.store.versions import Store

WRONG = "records whose id is not the hash of what they say and were made from"
EMPTY = "records without any content"


def make(path: Path) -> None:
    """Documents a, b and c, and x, which was rejected twice; a pair for each of a, b and c."""
    made = Store(FileWarehouse(path))
    change(
        made,
        f"INSERT INTO lineage.materials VALUES ('{SOURCE[0]}', 'source', 'wiki', NULL, NULL, 'MIT', 'human', '[]', "
        "now()::TIMESTAMP)",
    )
    read = publish(made, "documents", "1", documents("abc", rejected="xx"))
    publish(made, "pairs", "2", with_calls(made, pairs(made, read)), documents=read)
    assert found(made) == []


def document(text: str) -> str:
    """The id of the document with the text `text`."""
    (row,) = documents([text]).kept["id"]
    return str(row)


def with_calls(store: Store, made: Result) -> Result:
    """`made`, after its calls were stored as failed calls, which may be parents too."""
    calls = made.edges.filter(role="call")["parent"].to_list()
    with store.database.write() as connection:
        connection.execute(
            "INSERT INTO memo.failures SELECT unnest(?), 'completion', ?, '{}', 'x', '', now()::TIMESTAMP",
            [calls, SOURCE[0]],
        )
    return made


def change(store: Store, *queries: str) -> None:
    """Run queries that write, all in one transaction."""
    with store.database.write() as connection:
        for query in queries:
            connection.execute(query)


def found(store: Store) -> list[Finding]:
    """The report of the audit."""
    return integrity(store.database)


def one(rule: str, what: str, *ids: str) -> Finding:
    """The finding of the audit that lists exactly `ids`."""
    return Finding(rule, what, len(ids), tuple(sorted(ids)))
