"""Hashes anew everything that is on record, and tells which ids do not come out.

An id is the hash of what a record says and of its parents' ids and roles. A record that was met before has the id of
its occurrence instead: the hash of the first one's id and of a number that counts from 2.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import duckdb

from warehouse.core.identity import Parent, digest, record_id
from warehouse.schema.records import KINDS
from warehouse.store.memo import Call

AT_ONCE = 100
"""So many rows are made Python objects at a time: a checkpoint alone may have thousands of parents."""

_RECORDS = """
SELECT coalesce(r.id, 'NULL'), r.content, m.parents, k.id IS NOT NULL, k.* EXCLUDE (id)
FROM (SELECT id, content FROM lineage.records WHERE kind = $kind) r
LEFT JOIN (
    SELECT child, list((parent, role)) AS parents FROM lineage.edges
    SEMI JOIN (SELECT id FROM lineage.records WHERE kind = $kind) ON child = id GROUP BY child
) m ON m.child = r.id
LEFT JOIN records.{kind} k ON k.id = r.id
"""


@dataclass
class Rehashed:
    """Ids of records: `wrong` are not the hash of what they say and were made from, `silent` say nothing, `orphans`
    have no parent, `doubled` have an edge twice."""

    wrong: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)
    orphans: set[str] = field(default_factory=set)
    doubled: set[str] = field(default_factory=set)


def rehash(connection: duckdb.DuckDBPyConnection) -> Rehashed:
    """All records of a known kind, hashed anew; a record on which two tables differ is wrong if either one is."""
    found = Rehashed()
    for kind in KINDS:
        # Of what has another id than its content and parents give: the ids by what they give.
        others: dict[str, set[str]] = defaultdict(set)
        for row_id, parents, contents in _records(connection, kind):
            if not contents:
                found.silent.add(row_id)
            if not parents:
                found.orphans.add(row_id)
            if len(set(parents)) < len(parents):
                found.doubled.add(row_id)
            for content in contents:
                first = _first(kind, content, parents)
                if first is None:
                    found.wrong.add(row_id)
                elif first != row_id:
                    others[first].add(row_id)
        for first, ids in others.items():
            found.wrong |= ids - _occurrences(first, len(ids))
    return found


def wrong_calls(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The keys of model calls that are not the hash of their request, sorted."""
    calls = stream(connection, "SELECT coalesce(key, 'NULL'), kind, model, request FROM memo.calls")
    return sorted(key for key, kind, model, request in calls if _key(kind, model, request) != key)


def stream(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: dict[str, str] | None = None
) -> Iterator[tuple[Any, ...]]:
    """The rows of a query, a few at a time; the connection is busy until the last of them."""
    rows = connection.execute(query, parameters)
    while some := rows.fetchmany(AT_ONCE):
        yield from some


def _records(
    connection: duckdb.DuckDBPyConnection, kind: str
) -> Iterator[tuple[str, list[Parent], list[str | dict[str, Any]]]]:
    """(id, parents, what it says: as JSON, in the table of its kind, or both) of all records of a kind."""
    names = [column[0] for column in connection.execute(f"FROM records.{kind} LIMIT 0").description or []]
    names.remove("id")
    for row_id, content, parents, kept, *values in stream(connection, _RECORDS.format(kind=kind), {"kind": kind}):
        contents: list[str | dict[str, Any]] = [] if content is None else [content]
        if kept:
            contents.append(dict(zip(names, values, strict=True)))
        yield row_id, parents or [], contents


def _occurrences(first: str, count: int) -> set[str]:
    """The ids that so many occurrences of a record can have."""
    # A version meets all occurrences, so numbers are missing only for those that were changed or taken away; for each
    # that is left one may be, or a changed row would put others under suspicion.
    return {digest([first, "occurrence", number]) for number in range(2, 2 * count + 2)}


def _first(kind: str, content: str | dict[str, Any], parents: list[Parent]) -> str | None:
    """The id of the first record that says `content`, which may be JSON; None where no build can have written it."""
    try:
        return record_id(kind, json.loads(content) if isinstance(content, str) else content, parents)
    except (TypeError, ValueError, RecursionError):
        return None


def _key(kind: str, model: str, request: str) -> str | None:
    try:
        return Call(kind, model, json.loads(request)).key
    except (TypeError, ValueError, RecursionError):
        return None
