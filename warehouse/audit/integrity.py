"""Whether a warehouse still says what its builds wrote: ids, parents, decisions and calls, checked from the rows alone.

Content addressing makes this possible: an id is the hash of what a record says and of its parents' ids and roles, so a
changed text and a missing edge both show. What this does not see: a response in memo.calls is no part of its key.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import duckdb

from warehouse.database import Database
from warehouse.identity import Parent, digest, record_id
from warehouse.memo import Call
from warehouse.records import KINDS

RULES = ("content", "parents", "ledger", "data version", "calls")
"""What `integrity` checks; see there."""

SHOWN = 5
"""So many offenders are named by each finding."""

_GATES = """
WITH reads AS (
    SELECT v.asset, v.version, v.kind, entry.key AS input, entry.value ->> '$' AS data_version
    FROM lineage.versions v, json_each(v.inputs) entry
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
"""Assets that read rows of the kind that they keep are gates: what comes in is what their inputs kept."""


@dataclass(frozen=True)
class Finding:
    """A rule that the warehouse breaks, by how many rows, with some of their ids."""

    rule: str
    what: str
    rows: int
    ids: tuple[str, ...]

    def __str__(self) -> str:
        named = ", ".join(self.ids) + (", …" if self.rows > len(self.ids) else "")
        return f"{self.rows} {self.what} ({named})"


def integrity(database: Database) -> list[Finding]:
    """Everything in the warehouse that contradicts something else in it; empty where it holds. Only reads.

    Rules: "content" (ids fit content and parents), "parents" (every parent is on record), "ledger" (in = decided, each
    once, and a gate decides about exactly what it reads), "data version" (it is the hash of the kept ids), "calls"
    (keys fit requests).
    """
    with database.read() as connection:
        return [
            *_content(connection),
            *_parents(connection),
            *_ledger(connection),
            *_data_versions(connection),
            *_calls(connection),
        ]


def _content(connection: duckdb.DuckDBPyConnection) -> Iterator[Finding]:
    parents: dict[str, list[Parent]] = defaultdict(list)
    for child, parent, role in connection.execute("FROM lineage.edges").fetchall():
        parents[child].append((parent, role))
    known = connection.execute("SELECT id, kind, content FROM lineage.records").fetchall()
    wrong, silent = [], []
    kept_by_kind = {kind: _kept(connection, kind) for kind in KINDS}
    for row_id, kind, content in known:
        stored = kept_by_kind[kind].get(row_id)
        said = [json.loads(content)] if content else []
        said += [stored] if stored is not None else []
        if not said:
            silent.append(row_id)
        elif not all(_fits(row_id, kind, one, parents[row_id]) for one in said):
            wrong.append(row_id)
    unknown = {row_id for rows in kept_by_kind.values() for row_id in rows} - {row[0] for row in known}
    yield from _finding("content", "records whose id is not the hash of what they say and were made from", wrong)
    yield from _finding("content", "records without any content", silent)
    yield from _finding("content", "kept rows that lineage.records does not have", sorted(unknown))


def _kept(connection: duckdb.DuckDBPyConnection, kind: str) -> dict[str, dict[str, object]]:
    rows = connection.execute(f"FROM records.{kind}")
    names = [column[0] for column in rows.description or []]
    found = {}
    for row in rows.fetchall():
        says = dict(zip(names, row, strict=True))
        found[says.pop("id")] = says
    return found


def _fits(row_id: str, kind: str, content: dict[str, object], parents: list[Parent]) -> bool:
    first = record_id(kind, content, parents)
    if row_id == first:
        return True
    # A row that was met before has the id of its occurrence.
    return any(row_id == digest([first, "occurrence", number]) for number in range(2, 1000)) if parents else False


def _parents(connection: duckdb.DuckDBPyConnection) -> Iterator[Finding]:
    missing = connection.execute(
        "SELECT DISTINCT child FROM lineage.edges WHERE parent NOT IN (SELECT id FROM lineage.records "
        "UNION ALL SELECT key FROM memo.calls UNION ALL SELECT key FROM memo.failures "
        "UNION ALL SELECT id FROM lineage.materials) ORDER BY 1"
    ).fetchall()
    yield from _finding("parents", "records with a parent that is not on record", [row_id for (row_id,) in missing])
    orphans = connection.execute(
        "SELECT id FROM lineage.records WHERE id NOT IN (SELECT child FROM lineage.edges) ORDER BY 1"
    ).fetchall()
    yield from _finding("parents", "records without any parent", [row_id for (row_id,) in orphans])
    nameless = connection.execute(
        "SELECT DISTINCT key FROM memo.calls ANTI JOIN lineage.answering USING (model) "
        "SEMI JOIN lineage.edges ON key = parent ORDER BY 1"
    ).fetchall()
    yield from _finding("parents", "model calls answered by an unknown model", [key for (key,) in nameless])


def _ledger(connection: duckdb.DuckDBPyConnection) -> Iterator[Finding]:
    open_ = connection.execute("SELECT asset, version FROM lineage.ledger WHERE NOT closes ORDER BY ALL").fetchall()
    yield from _finding("ledger", "versions that lost rows, or decided twice", [f"{a} {v}" for a, v in open_])
    gates = connection.execute(_GATES).fetchall()
    what = "versions that did not decide about exactly the rows that they read"
    yield from _finding("ledger", what, [f"{a} {v}" for a, v in gates])


def _data_versions(connection: duckdb.DuckDBPyConnection) -> Iterator[Finding]:
    kept: dict[tuple[str, str], list[str]] = defaultdict(list)
    for asset, version, record in connection.execute(
        "SELECT asset, version, record FROM lineage.decisions WHERE outcome = 'kept' ORDER BY asset, version, position"
    ).fetchall():
        kept[asset, version].append(record)
    wrong = [
        f"{asset} {version}"
        for asset, version, data_version in connection.execute(
            "SELECT asset, version, data_version FROM lineage.versions ORDER BY ALL"
        ).fetchall()
        if digest(kept[asset, version]) != data_version
    ]
    yield from _finding("data version", "versions whose kept rows are not those that were published", wrong)


def _calls(connection: duckdb.DuckDBPyConnection) -> Iterator[Finding]:
    wrong = [
        key
        for key, kind, model, request, budget in connection.execute(
            "SELECT key, kind, model, request, budget FROM memo.calls"
        ).fetchall()
        if Call(kind, model, json.loads(request), budget).key != key
    ]
    yield from _finding("calls", "model calls whose key is not the hash of their request", sorted(wrong))


def _finding(rule: str, what: str, offenders: list[str]) -> Iterator[Finding]:
    if offenders:
        yield Finding(rule, what, len(offenders), tuple(offenders[:SHOWN]))
