"""Why a row exists: its full ancestry, back to sources and models."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from warehouse.audit.finding import Match, find
from warehouse.audit.nodes import Node, nodes
from warehouse.lineage.graph import Graph, Link
from warehouse.store.warehouse import Warehouse


@dataclass(frozen=True)
class RecipeSlice:
    """The slice of the recipe with which a version of an asset decided about a row."""

    asset: str
    version: str
    is_current: bool
    recipe: dict[str, Any]


@dataclass(frozen=True)
class Why:
    """The ancestry of `row`: `links` between `nodes` (by id), which include the row itself.

    `recipes` are those of the current versions that decided about the row; if none did, those of all stored versions
    that did.
    """

    row: Match
    nodes: dict[str, Node]
    links: tuple[Link, ...]
    recipes: tuple[RecipeSlice, ...]

    @property
    def ends(self) -> list[Node]:
        """The nodes where the ancestry ends: those without a parent."""
        return [node for row_id, node in self.nodes.items() if row_id not in self._by_child]

    def parents(self, row_id: str) -> list[Link]:
        """The links from a node to its parents, sorted by role."""
        return self._by_child.get(row_id, [])

    @cached_property
    def _by_child(self) -> dict[str, list[Link]]:
        found: dict[str, list[Link]] = {}
        for link in sorted(self.links, key=lambda link: (link.role, link.parent)):
            found.setdefault(link.child, []).append(link)
        return found


def why(database: Warehouse, text: str) -> Why:
    """The ancestry of the record, call, model or source that `text` refers to. Raises what `find` raises."""
    with database.read() as connection:
        row = find(connection, text, "record", "call", "material")
        links = Graph(connection).ancestry([row.id])
        found = nodes(
            connection, list(dict.fromkeys([row.id, *(one for link in links for one in (link.child, link.parent))]))
        )
        query = "SELECT recipe FROM lineage.versions WHERE asset = ? AND version = ?"
        recipes = []
        for one in found[row.id].decided:
            ((recipe,),) = connection.execute(query, [one.asset, one.version]).fetchall()
            recipes.append(RecipeSlice(one.asset, one.version, one.is_current, json.loads(recipe)))
    return Why(row, found, tuple(links), tuple(recipes))
