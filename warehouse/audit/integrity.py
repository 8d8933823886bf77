"""Checks that a warehouse still has what its builds wrote: ids, parents, decisions, calls and files of checkpoints.

Content addressing makes this possible: an id is the hash of the content of a record and of its parents' ids and roles,
so a changed text and a missing edge are both found. The key of a model call is the hash of what was asked; the memo has
another one of what was answered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

import duckdb

from warehouse.audit.rehashing import Rehashed, rehash, wrong_calls
from warehouse.core.identity import digest_of_texts
from warehouse.schema.records import KINDS
from warehouse.store.answer_digests import changed_answers
from warehouse.store.checkpoints import CheckpointFiles
from warehouse.store.engine import frugal, stream
from warehouse.store.warehouse import Warehouse

RULES = ("content", "parents", "ledger", "data version", "calls", "checkpoints")
"""The rules that `integrity` checks; they are explained there."""

SHOWN = 5
"""A finding lists at most this many ids."""

_KEPT_ROWS = " UNION ALL ".join(f"SELECT '{kind}' AS kind, id FROM records.{kind}" for kind in KINDS)
"""The rows of all tables of kept records, as (kind, id)."""

# json_type of a text that is not JSON would stop the whole query with an error.
_READABLE = "CASE WHEN json_valid(inputs) THEN json_type(inputs) = 'OBJECT' ELSE false END"

_GATES = f"""
WITH reads AS (
    SELECT v.asset, v.version, v.kind, entry.key AS input, entry.value ->> '$' AS data_version
    FROM lineage.versions v, json_each(CASE WHEN {_READABLE} THEN v.inputs ELSE '{{}}' END) entry
    -- A method may make new pairs of those of another: it decides about its own.
    WHERE NOT starts_with(v.asset, 'raw_')
), of_kind AS (
    -- Versions of one data version kept the same rows.
    SELECT DISTINCT ON (r.asset, r.version, r.input) r.asset, r.version, i.asset AS input, i.version AS input_version
    FROM reads r JOIN lineage.versions i ON i.asset = r.input AND i.data_version = r.data_version AND i.kind = r.kind
), came AS (
    SELECT o.asset, o.version, d.record FROM of_kind o
    JOIN lineage.decisions d ON d.asset = o.input AND d.version = o.input_version AND d.outcome = 'kept'
), decided AS (
    SELECT asset, version, record FROM lineage.decisions SEMI JOIN of_kind USING (asset, version)
)
SELECT asset, version FROM ((FROM came EXCEPT FROM decided) UNION ALL (FROM decided EXCEPT FROM came))
GROUP BY ALL ORDER BY ALL
"""
"""Finds gates that decided about other rows than their inputs kept. A gate is an asset that reads rows of the kind that
it keeps, and no method."""


@dataclass(frozen=True)
class Finding:
    """A rule that the warehouse breaks, with the number of rows that break it and some of their ids."""

    rule: str
    what: str
    rows: int
    ids: tuple[str, ...]

    def __str__(self) -> str:
        shown = ", ".join(self.ids) + (", …" if self.rows > len(self.ids) else "")
        return f"{self.rows} {self.what} ({shown})"


def integrity(database: Warehouse) -> list[Finding]:
    """Everything in the warehouse that contradicts something else in it; empty if nothing does. Only reads.

    The rules:
    - "content": each id is the hash of content and parents, and has one row.
    - "parents": every parent and every child is in the warehouse, and each edge is there once.
    - "ledger": each version decided once about each row that came in; the rows and the version are stored; a gate
      decided about exactly the rows that it reads; every asset has one current version.
    - "data version": it is the hash of the kept ids.
    - "calls": each key is the hash of the request, and each answer can be read and is the one that was stored.
    - "checkpoints": the files of each checkpoint are those that its training wrote.
    """
    checkpoints = CheckpointFiles(database).all_faults()
    with database.read() as connection, frugal(connection):
        found = rehash(connection)
        return [
            *_content(connection, found),
            *_parents(connection, found),
            *_ledger(connection),
            *_data_versions(connection),
            *_finding("calls", "model calls whose key is not the hash of their request", wrong_calls(connection)),
            *_answers(connection),
            *_finding("checkpoints", "checkpoints whose files are not those of their training", checkpoints),
        ]


def _content(connection: duckdb.DuckDBPyConnection, found: Rehashed) -> Iterator[Finding]:
    wrong = "records whose id is not the hash of what they say and were made from"
    yield from _finding("content", wrong, sorted(found.wrong))
    yield from _finding("content", "records without any content", sorted(found.empty))
    unknown = _rows_as_text(
        connection,
        "SELECT DISTINCT id FROM lineage.records WHERE kind IS NULL OR NOT list_contains(?, kind) ORDER BY 1",
        [list(KINDS)],
    )
    yield from _finding("content", "records of an unknown kind", unknown)
    stray = _rows_as_text(
        connection, f"SELECT DISTINCT id FROM ({_KEPT_ROWS}) ANTI JOIN lineage.records USING (id, kind) ORDER BY 1"
    )
    yield from _finding("content", "kept rows that lineage.records does not have, or has under another kind", stray)
    twice = _rows_as_text(
        connection,
        f"SELECT DISTINCT id FROM (FROM ({_KEPT_ROWS}) UNION ALL SELECT NULL, id FROM lineage.records) "
        "GROUP BY kind, id HAVING count(*) > 1 ORDER BY 1",
    )
    yield from _finding("content", "records with more than one row in a table", twice)


def _parents(connection: duckdb.DuckDBPyConnection, found: Rehashed) -> Iterator[Finding]:
    missing = _rows_as_text(
        connection,
        "SELECT DISTINCT child FROM lineage.edges ANTI JOIN (SELECT id FROM lineage.records "
        "UNION ALL SELECT key FROM memo.calls UNION ALL SELECT key FROM memo.failures "
        "UNION ALL SELECT id FROM lineage.materials) ON id = parent ORDER BY 1",
    )
    yield from _finding("parents", "records with a parent that is not on record", missing)
    yield from _finding("parents", "records without any parent", sorted(found.orphans))
    yield from _finding("parents", "records with an edge that is there twice", sorted(found.doubled))
    missing_children = _rows_as_text(
        connection, "SELECT DISTINCT child FROM lineage.edges ANTI JOIN lineage.records ON id = child ORDER BY 1"
    )
    yield from _finding("parents", "children of edges that are not on record", missing_children)
    unknown_model = _rows_as_text(
        connection,
        "SELECT DISTINCT key FROM memo.calls ANTI JOIN lineage.answering USING (model) "
        "SEMI JOIN lineage.edges ON key = parent ORDER BY 1",
    )
    yield from _finding("parents", "model calls answered by an unknown model", unknown_model)


def _ledger(connection: duckdb.DuckDBPyConnection) -> Iterator[Finding]:
    unbalanced = _rows_as_text(connection, "SELECT asset, version FROM lineage.ledger WHERE NOT closes ORDER BY ALL")
    yield from _finding("ledger", "versions that lost rows, or decided twice", unbalanced)
    unreadable = _rows_as_text(
        connection,
        f"SELECT asset, version FROM lineage.versions WHERE ({_READABLE}) IS DISTINCT FROM true ORDER BY ALL",
    )
    yield from _finding("ledger", "versions whose inputs cannot be read", unreadable)
    what = "versions that did not decide about exactly the rows that they read"
    yield from _finding("ledger", what, _rows_as_text(connection, _GATES))
    missing = _rows_as_text(
        connection,
        "SELECT DISTINCT id FROM (SELECT record AS id FROM lineage.decisions UNION ALL SELECT duplicate_of "
        "FROM lineage.decisions WHERE duplicate_of IS NOT NULL) ANTI JOIN lineage.records USING (id) ORDER BY 1",
    )
    yield from _finding("ledger", "records that decisions name and that are not on record", missing)
    without_row = _rows_as_text(
        connection,
        "SELECT DISTINCT record FROM lineage.decisions JOIN lineage.versions USING (asset, version) "
        f"SEMI JOIN lineage.records ON id = record ANTI JOIN ({_KEPT_ROWS}) kept_rows ON kept_rows.id = record "
        "AND kept_rows.kind = versions.kind WHERE outcome = 'kept' ORDER BY 1",
    )
    yield from _finding("ledger", "kept records without a row in the table of their version's kind", without_row)
    unstored = _rows_as_text(
        connection,
        "SELECT DISTINCT asset, version FROM (SELECT asset, version FROM lineage.decisions UNION ALL "
        "SELECT asset, version FROM lineage.counted) ANTI JOIN lineage.versions USING (asset, version) ORDER BY ALL",
    )
    yield from _finding("ledger", "versions that decided and are not stored", unstored)
    # Publishing a version makes it the current one of an environment; only a dropped one leaves an asset without any.
    without_current = _rows_as_text(
        connection,
        "SELECT asset FROM (SELECT asset FROM lineage.versions UNION SELECT asset FROM lineage.pointers) "
        "LEFT JOIN lineage.pointers p USING (asset) LEFT JOIN (SELECT DISTINCT asset, version, true AS stored "
        "FROM lineage.versions) USING (asset, version) GROUP BY asset, environment "
        "HAVING count(p.version) > 1 OR count(stored) <> count(p.version) OR (count(p.version) = 0 AND NOT EXISTS "
        "(FROM lineage.environments WHERE action = 'dropped')) ORDER BY 1",
    )
    yield from _finding("ledger", "assets without one current version that is stored", without_current)


def _data_versions(connection: duckdb.DuckDBPyConnection) -> Iterator[Finding]:
    rows = stream(
        connection,
        "SELECT v.asset, v.version, v.data_version, d.record FROM lineage.versions v "
        "LEFT JOIN (FROM lineage.decisions WHERE outcome = 'kept') d USING (asset, version) "
        "ORDER BY v.asset, v.version, v.data_version, d.position",
    )
    wrong = [
        f"{asset} {version}"
        for (asset, version, data_version), kept in groupby(rows, itemgetter(0, 1, 2))
        if digest_of_texts(record for *_, record in kept if record is not None) != data_version
    ]
    yield from _finding("data version", "versions whose kept rows are not those that were published", wrong)


def _answers(connection: duckdb.DuckDBPyConnection) -> Iterator[Finding]:
    unreadable = _unreadable_answers(connection)
    yield from _finding("calls", "model calls whose answer cannot be read", unreadable)
    changed = sorted(set(changed_answers(connection)).difference(unreadable))
    yield from _finding("calls", "model calls whose answer is not the one that was stored", changed)


def _unreadable_answers(connection: duckdb.DuckDBPyConnection) -> list[str]:
    return _rows_as_text(
        connection,
        "SELECT key FROM memo.calls WHERE CASE WHEN json_valid(response) THEN json_type(response) ELSE 'none' END "
        "<> 'OBJECT' ORDER BY 1",
    )


def _rows_as_text(connection: duckdb.DuckDBPyConnection, query: str, parameters: Iterable[object] = ()) -> list[str]:
    """The rows of a query, each as one text."""
    rows = connection.execute(query, list(parameters)).fetchall()
    return [" ".join("NULL" if part is None else str(part) for part in row) for row in rows]


def _finding(rule: str, what: str, wrong: list[str]) -> Iterator[Finding]:
    if wrong:
        yield Finding(rule, what, len(wrong), tuple(wrong[:SHOWN]))
