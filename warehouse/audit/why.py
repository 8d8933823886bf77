"""Why a row is there: its full ancestry, down to sources and models."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from warehouse.audit.finding import Thing, find
from warehouse.audit.nodes import Node, nodes
from warehouse.database import Database
from warehouse.lineage import Graph, Link


@dataclass(frozen=True)
class Why:
    """The ancestry of `row`: `links` between `nodes` (by id), the row itself among them.

    `recipe` holds, by asset, the slice of the recipe under which the version in force decided about the row.
    """

    row: Thing
    nodes: dict[str, Node]
    links: tuple[Link, ...]
    recipe: dict[str, dict[str, Any]]

    @property
    def ends(self) -> list[Node]:
        """Where the ancestry ends: the nodes that nothing is a parent of."""
        children = {link.child for link in self.links}
        return [node for row_id, node in self.nodes.items() if row_id not in children]

    def parents(self, row_id: str) -> list[Link]:
        """The links from a node to its parents, by role."""
        return sorted((link for link in self.links if link.child == row_id), key=lambda link: (link.role, link.parent))


def why(database: Database, text: str) -> Why:
    """The ancestry of the record, call or model that `text` names. Raises Unknown and Ambiguous."""
    with database.read() as connection:
        row = find(connection, text, "record", "call", "material")
        links = Graph(connection).ancestry([row.id])
        found = nodes(
            connection, list(dict.fromkeys([row.id, *(one for link in links for one in (link.child, link.parent))]))
        )
        places = [[one.asset, one.version] for one in found[row.id].decisions if one.in_force]
        recipe = {
            asset: json.loads(
                connection.execute(
                    "SELECT recipe FROM lineage.versions WHERE asset = ? AND version = ?", [asset, version]
                ).fetchall()[0][0]
            )
            for asset, version in places
        }
    return Why(row, found, tuple(links), recipe)
