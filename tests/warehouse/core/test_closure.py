"""Openness, recalls and withdrawals rely on one walk: it must find everything, and end if there is a cycle."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from warehouse.core.closure import closure, path_from_start

GRAPHS = st.lists(st.lists(st.integers(0, 7), max_size=4), min_size=8, max_size=8)


def test_nodes_come_breadth_first_with_the_node_that_led_to_them() -> None:
    parents = {"a": ["b", "c"], "b": ["d"], "c": ["d", "a"], "d": []}
    reached = closure(["a"], lambda node: parents[node])
    assert list(reached.items()) == [("a", None), ("b", "a"), ("c", "a"), ("d", "b")]
    assert path_from_start(reached, "d") == ["a", "b", "d"]
    assert closure([], lambda node: parents[node]) == {}


@given(GRAPHS, st.lists(st.integers(0, 7), max_size=3))
def test_all_that_can_be_reached_is_found_along_a_shortest_path(graph: list[list[int]], start: list[int]) -> None:
    reached = closure(start, lambda node: graph[node])
    rounds = [set(start)]
    while rounds[-1] not in rounds[:-1]:
        rounds.append(rounds[-1] | {parent for node in rounds[-1] for parent in graph[node]})
    assert reached.keys() == rounds[-1]
    for node in reached:
        path = path_from_start(reached, node)
        assert (path[0] in start, path[-1]) == (True, node)
        assert all(parent in graph[child] for child, parent in pairwise(path))
        assert len(path) - 1 == next(number for number, nodes in enumerate(rounds) if node in nodes)
