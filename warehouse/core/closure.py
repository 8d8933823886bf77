"""Following links to their end: everything that can be reached from some start."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

Node = TypeVar("Node", bound=Hashable)


def closure(start: Iterable[Node], parents: Callable[[Node], Iterable[Node]]) -> dict[Node, Node | None]:
    """All nodes that can be reached from `start`, in breadth-first order, each once; the start nodes come first.

    The value of a node is the node from which it was reached first, so that the values lead back to the start along a
    shortest path. It is None for a start node. `parents` is called once per node. Cycles are allowed.
    """
    reached: dict[Node, Node | None] = dict.fromkeys(start)
    waiting = list(reached)
    for node in waiting:
        for parent in parents(node):
            if parent not in reached:
                reached[parent] = node
                waiting.append(parent)
    return reached


def path_from_start(reached: dict[Node, Node | None], node: Node) -> list[Node]:
    """A shortest path from a start node to `node`, both included, in the result of `closure`."""
    path = [node]
    while (before := reached[path[-1]]) is not None:
        path.append(before)
    return path[::-1]
