"""Finds a record, a model call, a model or source, or a version by its id, the start of its id, or its name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import duckdb

from warehouse.core.errors import UserError
from warehouse.core.identity import ID_LENGTH
from warehouse.core.texts import listed

Sort = Literal["record", "call", "material", "version"]

SHORTEST = 4
"""An id may be shortened to this many digits."""

_HEX = re.compile(r"[0-9a-f]{1,32}")

_CALLS = "SELECT key, kind FROM memo.calls UNION SELECT key, kind FROM memo.failures"
"""Calls that a model answered, and calls at which it failed."""

_QUERIES: dict[Sort, tuple[str, str, str]] = {
    "record": ("records", "SELECT id, kind, asset FROM lineage.records", "id"),
    "call": ("model calls", f"SELECT key, kind, '' FROM ({_CALLS})", "key"),
    "material": ("models and sources", "SELECT id, role, name FROM lineage.described", "id"),
    "version": ("versions", "SELECT version, 'version', asset FROM lineage.versions", "version"),
}


@dataclass(frozen=True)
class Match:
    """Something in the warehouse that a search has found.

    `sort` says in which table it is, `kind` what it is there ("pair", "completion", "model"). `name` is the asset that
    made it, or the name of a model or source."""

    sort: Sort
    id: str
    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.id} ({self.kind} {self.name})" if self.name else f"{self.id} ({self.kind})"


class NotFound(UserError, LookupError):
    """Nothing in the warehouse has this id, name or text."""


def find(connection: duckdb.DuckDBPyConnection, text: str, *among: Sort) -> Match:
    """The one thing of these sorts that `text` refers to: by id, by the start of an id, or by name (model or source).

    Raises NotFound, and UserError if there are several.
    """
    found = candidates(connection, text, *among)
    if len(found) == 1:
        return found[0]
    if found:
        raise UserError(f"{text!r} may be any of {len(found)}: {listed(found)}; give more of the id")
    wanted = "" if _as_id(text) else f"; an id is at least {SHORTEST} hex digits"
    raise NotFound(f"nothing is named {text!r}: searched {searched(connection, among)}{wanted}")


def candidates(connection: duckdb.DuckDBPyConnection, text: str, *among: Sort) -> list[Match]:
    """Everything that `text` may refer to, sorted by id. A whole id refers to one thing.

    Spaces around `text` and the letter case of an id are ignored.
    """
    found: list[Match] = []
    start = _as_id(text)
    whole = len(start) == ID_LENGTH
    for sort in among:
        _, query, column = _QUERIES[sort]
        rows = []
        if start:
            # "g" sorts after every hex digit. A range is faster than LIKE, because it uses the statistics of the table.
            rule, values = (f"{column} = ?", [start]) if whole else (f"{column} BETWEEN ? AND ?", [start, start + "g"])
            rows = connection.execute(f"{query} WHERE {rule}", values).fetchall()
        if sort == "material" and not rows:
            rows = connection.execute(f"{query} WHERE name = ?", [text.strip()]).fetchall()
        found += [Match(sort, *row) for row in rows]
        if found and whole:
            break
    return sorted(found, key=lambda match: (match.id, match.sort))


def _as_id(text: str) -> str:
    """`text` in lower case if it can be an id or the start of one, else an empty text."""
    start = text.strip().lower()
    return start if len(start) >= SHORTEST and _HEX.fullmatch(start) else ""


def searched(connection: duckdb.DuckDBPyConnection, among: Sequence[Sort]) -> str:
    """What was searched, in words: "3 records, 2 models and sources"."""
    counts = []
    for sort in among:
        what, query, _ = _QUERIES[sort]
        (count,) = connection.sql(f"SELECT count(*) FROM ({query})").fetchall()[0]
        counts.append(f"{count:,} {what}")
    return ", ".join(counts)
