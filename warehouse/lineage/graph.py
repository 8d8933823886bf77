"""The lineage graph: everything that a row was made from, and everything that was made from something.

There are three kinds of links (child, parent, role): edges between records, a link from each model call to the model or
checkpoint that answered it (role "model"), and a link from a model or source to what it declares to be made from (role
"made_from").
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
"""A query lists up to this many ids; more are joined with the whole table."""

FEW_BY_COLUMN = {"child": 2_000, "model": 2_000}
"""Columns for which listing more ids, 500 in each query, is faster: edges have an index by child, and the calls of a
model are stored next to each other."""

_AT_ONCE = 500


@dataclass(frozen=True, order=True)
class Link:
    """`child` was made from `parent`, which played `role`."""

    child: str
    parent: str
    role: str


_SORT_KEY = attrgetter("child", "parent", "role")


class Graph:
    """The lineage in the warehouse behind an open connection; models and their declarations are read once.

    The walks ask the database once per level for all links of that level, so they do not use `closure`.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self.answering: dict[str, list[str]] = {}
        # Checkpoints with the same weights answer under one id.
        for model, base, checkpoint in connection.execute("FROM lineage.answering ORDER BY ALL").fetchall():
            self.answering.setdefault(model, []).append(checkpoint or base)
        self.made_from = parent_ids(read_materials(connection))

    def ancestry(self, ids: Iterable[str]) -> list[Link]:
        """Every link on a path from `ids` to parents, parents of these and so on; each once, sorted."""
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
        return sorted(found, key=_SORT_KEY)  # several times as fast as comparing links, in the same order

    def descent(self, ids: Iterable[str]) -> list[Link]:
        """Every link on a path from `ids` to children, children of these and so on; each once, sorted."""
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
        return sorted(found, key=_SORT_KEY)  # several times as fast as comparing links, in the same order

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
