"""The walk over the lineage graph: all that a row was made from, and all that was made of something.

Links are edges between records (child, parent, role), from each model call to what answered it (role "model"), and
from a model or source to what it declares to be made from (role "made_from").
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import duckdb
import polars as pl

from warehouse.lineage.material import parent_ids, read_materials

FEW = 50
"""Up to so many ids at a time are named in a query; more are joined with the whole table."""

FEW_BY_COLUMN = {"child": 2_000, "model": 2_000}
"""Where naming more pays, 500 in each query: edges have an index by child, and the calls of a model lie together."""

_AT_ONCE = 500


@dataclass(frozen=True, order=True)
class Link:
    """`child` was made from `parent`, which played `role`."""

    child: str
    parent: str
    role: str


_PLACE = attrgetter("child", "parent", "role")


class Graph:
    """The lineage as it lies behind an open connection; models and their declarations are read once."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self.answering: dict[str, list[str]] = {}
        # Checkpoints with the same weights answer under one id.
        for model, base, checkpoint in connection.execute("FROM lineage.answering ORDER BY ALL").fetchall():
            self.answering.setdefault(model, []).append(checkpoint or base)
        self.made_from = parent_ids(read_materials(connection))

    def ancestry(self, ids: Iterable[str]) -> list[Link]:
        """Every link on a way up from `ids`, each once, sorted."""
        found: set[Link] = set()
        seen = set(ids)
        front = set(seen)
        while front:
            links = self._edges("child", front)
            without = front - {link.child for link in links}
            calls = without - self.made_from.keys()
            links += self._calls("key", calls) if calls else []
            links += [
                Link(row_id, parent, "made_from") for row_id in without for parent in self.made_from.get(row_id, [])
            ]
            found.update(links)
            front = {link.parent for link in links} - seen
            seen |= front
        return sorted(found, key=_PLACE)  # the order of Link itself, which takes several times as long

    def descent(self, ids: Iterable[str]) -> list[Link]:
        """Every link on a way down from `ids`, each once, sorted."""
        found: set[Link] = set()
        seen = set(ids)
        front = set(seen)
        while front:
            links = self._edges("parent", front)
            answering = {model for model, parents in self.answering.items() if not front.isdisjoint(parents)}
            calls = self._calls("model", answering) if answering else []
            links += [link for link in calls if link.parent in front]
            links += [
                Link(row_id, parent, "made_from")
                for row_id, parents in self.made_from.items()
                for parent in parents
                if parent in front
            ]
            found.update(links)
            front = {link.child for link in links} - seen
            seen |= front
        return sorted(found, key=_PLACE)  # the order of Link itself, which takes several times as long

    def _edges(self, column: str, ids: Collection[str]) -> list[Link]:
        rows = lookup(self.connection, "SELECT child, parent, role FROM lineage.edges", column, ids)
        return [Link(*row) for row in rows]

    def _calls(self, column: str, ids: Collection[str]) -> list[Link]:
        rows = lookup(self.connection, "SELECT key, model FROM memo.calls", column, ids)
        return [Link(key, parent, "model") for key, model in rows for parent in self.answering.get(model, [model])]


def lookup(
    connection: duckdb.DuckDBPyConnection, query: str, column: str, ids: Collection[str]
) -> list[tuple[Any, ...]]:
    """The rows of `query` (a SELECT without WHERE) whose `column` is among `ids`, in no particular order."""
    wanted = sorted(ids)
    if len(wanted) > FEW_BY_COLUMN.get(column, FEW):
        connection.register("wanted", pl.DataFrame({"wanted": wanted}))
        found = connection.execute(f"{query} SEMI JOIN wanted ON {column} = wanted").fetchall()
        connection.unregister("wanted")
        return found
    rows: list[tuple[Any, ...]] = []
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        rows += connection.execute(f"{query} WHERE {column} IN ({', '.join('?' * len(some))})", some).fetchall()
    return rows
