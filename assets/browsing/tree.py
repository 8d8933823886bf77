"""The ancestry of a row as a tree: below each row, call or model is what it was made from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

from warehouse.audit.nodes import Node
from warehouse.audit.why import Why
from warehouse.core.texts import on_one_line, shortened

MOST_CHILDREN = 12
"""A model that was trained on a thousand rows has these thousand below it; this many are shown."""

MOST_NODES = 400
LONGEST = 100

TEXTS = ("instruction", "text", "response", "name", "title")
"""What describes a record, in order of preference."""


@dataclass(frozen=True)
class Branch:
    """A place in the tree. `key` is unique in it; `node` is None where it only says how much is left out."""

    key: str
    label: str
    node: Node | None
    children: tuple[Branch, ...] = ()

    def __iter__(self) -> Iterator[Branch]:
        """The branch and everything below it."""
        yield self
        for child in self.children:
            yield from child


def tree_of(why: Why) -> Branch:
    """The tree of a row. A node that was shown before is shown again without what is below it."""
    numbers, seen = count(), set[str]()

    def branch(row_id: str, role: str) -> Branch:
        node, key = why.nodes[row_id], str(next(numbers))
        label = f"{role}: {described(node)}" if role else described(node)
        links = why.parents(row_id)
        if not links:
            return Branch(key, label, node)
        if row_id in seen or int(key) > MOST_NODES:
            return Branch(key, f"{label} (its ancestors are shown above)", node)
        seen.add(row_id)
        below = [branch(link.parent, link.role) for link in links[:MOST_CHILDREN]]
        if rest := len(links) - MOST_CHILDREN:
            below += [Branch(str(next(numbers)), f"and {rest} more", None)] if rest > 0 else []
        return Branch(key, label, node, tuple(below))

    return branch(why.row.id, "")


def described(node: Node) -> str:
    """A node in one line: its kind, its id, the asset that made it, and the start of its text."""
    says: dict[str, Any] = node.says or {}
    text = next((says[name] for name in TEXTS if says.get(name)), "")
    made_by = f" of {node.asset}" if node.asset else ""
    shown = f" · {shortened(on_one_line(str(text)), LONGEST)}" if text else ""
    return f"{node.kind} {node.id[:9]}{made_by}{shown}"
