"""Finds what an auditor names: a record, a model call, a model or source, a version; by id, shortened id or name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import duckdb

from warehouse.core.errors import Mendable
from warehouse.core.identity import ID_LENGTH
from warehouse.core.texts import listed

Sort = Literal["record", "call", "material", "version"]

SHORTEST = 4
"""An id may be shortened to so many digits."""

_HEX = re.compile(r"[0-9a-f]{1,32}")

_CALLS = "SELECT key, kind FROM memo.calls UNION SELECT key, kind FROM memo.failures"
"""A call is on record whether a model answered it or failed at it."""

_QUERIES: dict[Sort, tuple[str, str, str]] = {
    "record": ("records", "SELECT id, kind, asset FROM lineage.records", "id"),
    "call": ("model calls", f"SELECT key, kind, '' FROM ({_CALLS})", "key"),
    "material": ("models and sources", "SELECT id, role, name FROM lineage.described", "id"),
    "version": ("versions", "SELECT version, 'version', asset FROM lineage.versions", "version"),
}


@dataclass(frozen=True)
class Thing:
    """Something in the warehouse. `sort` says in which table, `kind` what it is there ("pair", "completion", "model"),
    `name` the asset that made it, or the name of a model or source."""

    sort: Sort
    id: str
    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.id} ({self.kind} {self.name})" if self.name else f"{self.id} ({self.kind})"


class Unknown(Mendable, LookupError):
    """Nothing in the warehouse has this id or name."""


class Ambiguous(Mendable, LookupError):
    """A shortened id or a name that several things have."""


def find(connection: duckdb.DuckDBPyConnection, text: str, *among: Sort) -> Thing:
    """What `text` names among these sorts: an id, the first digits of one, or the name of a model or source.

    Raises Unknown, which says what was searched, and Ambiguous, which names the candidates.
    """
    found = candidates(connection, text, *among)
    if len(found) == 1:
        return found[0]
    if found:
        raise Ambiguous(f"{text!r} may be any of {len(found)}: {listed(found)}; give more of the id")
    wanted = "" if _as_id(text) else f"; an id is at least {SHORTEST} hex digits"
    raise Unknown(f"nothing is named {text!r}: searched {searched(connection, among)}{wanted}")


def candidates(connection: duckdb.DuckDBPyConnection, text: str, *among: Sort) -> list[Thing]:
    """Everything that `text` may name, by id; empty where it names nothing. A whole id names one thing.

    Spaces around it do not count, nor does the letter case of an id.
    """
    found: list[Thing] = []
    start = _as_id(text)
    whole = len(start) == ID_LENGTH
    for sort in among:
        _, query, column = _QUERIES[sort]
        rows = []
        if start:
            # "g" comes after every hex digit: a range is read from the table's statistics, a LIKE is not.
            rule, values = (f"{column} = ?", [start]) if whole else (f"{column} BETWEEN ? AND ?", [start, start + "g"])
            rows = connection.execute(f"{query} WHERE {rule}", values).fetchall()
        if sort == "material" and not rows:
            rows = connection.execute(f"{query} WHERE name = ?", [text.strip()]).fetchall()
        found += [Thing(sort, *row) for row in rows]
        if found and whole:
            break
    return sorted(found, key=lambda thing: (thing.id, thing.sort))


def _as_id(text: str) -> str:
    """The id, or start of one, that `text` may be; empty where it is none."""
    start = text.strip().lower()
    return start if len(start) >= SHORTEST and _HEX.fullmatch(start) else ""


def searched(connection: duckdb.DuckDBPyConnection, among: Sequence[Sort]) -> str:
    """What a search went through, in words: "3 records, 2 models and sources"."""
    counts = []
    for sort in among:
        what, query, _ = _QUERIES[sort]
        (count,) = connection.sql(f"SELECT count(*) FROM ({query})").fetchall()[0]
        counts.append(f"{count:,} {what}")
    return ", ".join(counts)
