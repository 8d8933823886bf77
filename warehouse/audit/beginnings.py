"""Ids of rows, and names of models and sources, that begin like what somebody has typed so far.

A shell asks this at each press of Tab, also while a build writes. So the file is read as it is: nothing is waited for,
created or brought up to date, and a search that takes too long ends without a proposal.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

import duckdb

from warehouse.core.identity import ID_LENGTH

MOST = 50
SECONDS = 1.0
"""How much is proposed, and how long is searched, at most (both ours)."""


@dataclass(frozen=True)
class Beginning:
    """An id or a name, and what it is, such as "pair raw_self_instruct" or "source"."""

    text: str
    what: str


def ids(file: Path, start: str, kinds: Sequence[str] = ()) -> list[Beginning]:
    """At most MOST ids of rows that begin with `start`, those first on record first; of these `kinds`, or of any.

    Ids are hashes, so the first ones on record differ in their next digit, and a shell adds no digit that only some
    have; the first ones in order would share digits. There are none for an empty `start`. Raises duckdb.Error where
    there is no warehouse, another process writes it, or SECONDS are over.
    """
    if not re.fullmatch(rf"[0-9a-f]{{1,{ID_LENGTH}}}", start):
        return []
    of_kinds = "AND list_contains(?, kind)" if kinds else ""
    # "g" sorts after every hex digit. A range is faster than LIKE, because it uses the index.
    query = f"SELECT id, kind || ' ' || asset FROM lineage.records WHERE id BETWEEN ? AND ? {of_kinds} LIMIT {MOST}"
    return _found(file, query, [start, f"{start}g", *([list(kinds)] if kinds else [])])


def names(file: Path, start: str) -> list[Beginning]:
    """At most MOST names of models, sources and ancestors that begin with `start`, in order. Raises as `ids` does."""
    query = (
        "SELECT name, any_value(role ORDER BY role) FROM lineage.materials WHERE starts_with(name, ?) "
        f"GROUP BY name ORDER BY name LIMIT {MOST}"
    )
    return _found(file, query, [start])


def _found(file: Path, query: str, values: Sequence[object]) -> list[Beginning]:
    with duckdb.connect(str(file), read_only=True) as connection:
        limit = Timer(SECONDS, connection.interrupt)
        limit.start()
        try:
            return [Beginning(*row) for row in connection.execute(query, values).fetchall()]
        finally:
            limit.cancel()
