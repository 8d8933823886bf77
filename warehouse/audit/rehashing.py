"""Computes the ids of all records and the keys of all calls again, and finds those that differ.

An id is the hash of the content of a record and of its parents' ids and roles. If a version has the same record several
times, the later ones are occurrences: their id is the hash of the first id and of a number that counts from 2.
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
from warehouse.store.calls import key_of
from warehouse.store.engine import stream

_RECORDS = """
SELECT coalesce(r.id, 'NULL'), r.content, m.parents, k.id IS NOT NULL, k.* EXCLUDE (id)
FROM (SELECT id, content FROM lineage.records WHERE kind = $kind AND hash(id) % $parts = $part) r
LEFT JOIN (
    SELECT child, list((parent, role)) AS parents FROM (FROM lineage.edges WHERE hash(child) % $parts = $part)
    SEMI JOIN (SELECT id FROM lineage.records WHERE kind = $kind) ON child = id GROUP BY child
) m ON m.child = r.id
LEFT JOIN (FROM records.{kind} WHERE hash(id) % $parts = $part) k ON k.id = r.id
"""

_COUNT = """
WITH of_kind AS (SELECT id FROM lineage.records WHERE kind = $kind)
SELECT (SELECT count(*) FROM of_kind) + (SELECT count(*) FROM lineage.edges SEMI JOIN of_kind ON child = id)
"""

PART = 2_000_000
"""Some so many records and edges are joined at a time, since what is listed together must be in memory."""


@dataclass
class Rehashed:
    """Ids of records: `wrong` are not the hash of content and parents, `empty` have no content, `orphans` have no
    parent, `doubled` have an edge twice."""

    wrong: set[str] = field(default_factory=set)
    empty: set[str] = field(default_factory=set)
    orphans: set[str] = field(default_factory=set)
    doubled: set[str] = field(default_factory=set)


def rehash(connection: duckdb.DuckDBPyConnection) -> Rehashed:
    """Hash all records of a known kind. A record that two tables have is wrong if its content in either one is."""
    found = Rehashed()
    for kind in KINDS:
        # Records whose id is not the hash of content and parents: their ids by that hash.
        others: dict[str, set[str]] = defaultdict(set)
        for row_id, parents, contents in _records(connection, kind):
            if not contents:
                found.empty.add(row_id)
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
    return sorted(key for key, kind, model, request in calls if key_of(kind, model, request) != key)


def _records(
    connection: duckdb.DuckDBPyConnection, kind: str
) -> Iterator[tuple[str, list[Parent], list[str | dict[str, Any]]]]:
    """(id, parents, contents) of all records of a kind; a content comes from JSON, the table of the kind, or both."""
    names = [column[0] for column in connection.execute(f"FROM records.{kind} LIMIT 0").description or []]
    names.remove("id")
    (count,) = connection.execute(_COUNT, {"kind": kind}).fetchall()[0]
    parts = 1 + count // PART
    for part in range(parts):
        chosen = {"kind": kind, "parts": parts, "part": part}
        for row_id, content, parents, kept, *values in stream(connection, _RECORDS.format(kind=kind), chosen):
            contents: list[str | dict[str, Any]] = [] if content is None else [content]
            if kept:
                contents.append(dict(zip(names, values, strict=True)))
            yield row_id, parents or [], contents


def _occurrences(first: str, count: int) -> set[str]:
    """The ids that `count` occurrences of a record can have."""
    # Numbers are missing only if occurrences were changed or deleted. One missing number per remaining occurrence is
    # accepted here; otherwise one changed row would make other rows look wrong.
    return {digest([first, "occurrence", number]) for number in range(2, 2 * count + 2)}


def _first(kind: str, content: str | dict[str, Any], parents: list[Parent]) -> str | None:
    """The id of the first record with `content`, which may be JSON; None for a content that no build can write."""
    try:
        return record_id(kind, json.loads(content) if isinstance(content, str) else content, parents)
    except (TypeError, ValueError, RecursionError):
        return None
