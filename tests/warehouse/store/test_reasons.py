"""Users read the reason to tell a wanted rebuild from a mistake in the recipe, so these tests compare every word."""

from __future__ import annotations

from typing import Any

import pytest

from warehouse.store.reasons import attempt_changes, code_changes, recipe_changes, row_changes


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        (0.9, 0.85, ["key 0.9 → 0.85"]),
        (3, 3, []),
        (12, None, ["key 12 → none"]),
        (None, 12, ["key none → 12"]),
        (None, None, []),
        (True, False, ["key true → false"]),
        ("MIT", "CC0-1.0", ["key MIT → CC0-1.0"]),
        ("a", 'the "b"', ['key a → the "b"']),
        ("é", "ü", ["key é → ü"]),
        ([0, 40], [0, 30], ["key [0, 40] → [0, 30]"]),
        ([], ["heuristics"], ['key [] → ["heuristics"]']),
        (["a", "b"], ["b", "a"], ['key ["a", "b"] → ["b", "a"]']),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}, ["key.a.c 2 → 3"]),
        ({"a": 1, "b": 2}, {"b": 3, "a": 4}, ["key.a 1 → 4", "key.b 2 → 3"]),
        ({"b": 1, "a": 1}, {"a": 1, "b": 1}, []),
        ({"a": 1, "b": {"c": 1}}, {"a": 1}, ["key.b removed"]),
        ({"a": 1}, {"a": 1, "b": {"c": 1}}, ["key.b added"]),
        ({}, {"a": None}, ["key.a added"]),
        ({"a": 1}, {"b": 1}, ["key.a removed", "key.b added"]),
        ({"a": 1}, None, ['key {"a": 1} → none']),
        ([{"count": 12}], [{"count": 13}], ["key.0.count 12 → 13"]),
        ([{"count": 12}], [{"count": 12}, {"count": 2}], ["key.1 added"]),
        ([{"count": 12}, {"count": 2}], [{"count": 12}], ["key.1 removed"]),
        ([{"count": 12}], [], ['key [{"count": 12}] → []']),
        ("x" * 40, "y" * 40, [f"key {'x' * 40} → {'y' * 40}"]),
        ("x" * 41, "y", [f"key {'x' * 39}… → y"]),
        ([10] * 11, [1], ["key [10, 10, 10, 10, 10, 10, 10, 10, 10, 10… → [1]"]),
        ("x" * 41, "x" * 42, ["key changed"]),
        (None, "none", ["key changed"]),
    ],
)
def test_a_recipe_value_is_shown_before_and_after(old: Any, new: Any, lines: list[str]) -> None:
    assert recipe_changes({"key": old}, {"key": new}) == lines


def test_changed_values_are_sorted_by_path() -> None:
    old = {"seed": 1, "b.c": {"d": 1}, "gone": 1}
    new = {"b.c": {"d": 2}, "new": None, "seed": 2}
    assert recipe_changes(old, new) == ["b.c.d 1 → 2", "gone removed", "new added", "seed 1 → 2"]
    assert recipe_changes({}, {}) == []


def test_each_file_whose_code_differs_is_named() -> None:
    old = {"assets/a.py": "1", "assets/b.py": "1", "assets/c.py": "1"}
    new = {"assets/d.py": "1", "assets/c.py": "1", "assets/b.py": "2"}
    assert code_changes(old, new) == [
        "code of assets/a.py changed",
        "code of assets/b.py changed",
        "code of assets/d.py changed",
    ]
    assert code_changes(old, dict(reversed(old.items()))) == []


@pytest.mark.parametrize(
    ("asset", "kind", "old", "new", "line"),
    [
        ("documents", "document", "ab", "abc", "1 document added"),
        ("documents", "document", "a", "abc", "2 documents added"),
        ("documents", "document", "abc", "ab", "1 document removed"),
        ("documents", "document", "abc", "a", "2 documents removed"),
        ("documents", "document", "ab", "bc", "1 document added, 1 removed"),
        ("documents", "document", "a", "bcd", "3 documents added, 1 removed"),
        ("documents", "document", "ab", "c", "1 document added, 2 removed"),
        ("documents", "document", "ab", "", "2 documents removed"),
        ("documents", "document", "", "a", "1 document added"),
        ("documents", "document", "ab", "ba", "documents in another order"),
        ("documents", "document", None, "ab", "documents changed"),
        ("seed_tasks", "seed_task", "a", "ab", "1 seed task added"),
        ("benchmark_items", "benchmark_item", "a", "b", "1 benchmark item added, 1 removed"),
        ("raw_self_instruct", "pair", "ab", "ba", "raw_self_instruct: pairs in another order"),
        ("raw_self_instruct", "pair", "a", "abc", "raw_self_instruct: 2 pairs added"),
        ("raw_self_instruct", "pair", None, "abc", "raw_self_instruct changed"),
        ("perplexities/x", "perplexity", "a", "b", "perplexities/x: 1 perplexity added, 1 removed"),
        ("perplexities/x", "perplexity", "", "ab", "perplexities/x: 2 perplexities added"),
        ("perplexities/x", "perplexity", "ab", "ba", "perplexities/x: perplexities in another order"),
        ("backward_model", "checkpoint", "a", "b", "backward_model: 1 checkpoint added, 1 removed"),
    ],
)
def test_an_inputs_rows_are_counted(asset: str, kind: str, old: str | None, new: str, line: str) -> None:
    assert row_changes(asset, kind, None if old is None else list(old), list(new)) == line


def test_another_attempt_at_the_same_work_is_a_reason() -> None:
    assert attempt_changes(0, 0, 3) == []
    assert attempt_changes(0, 2, 1) == ["retry 2 instead of the first try, in which 1 row failed"]
    assert attempt_changes(1, 2, 2) == ["retry 2 instead of retry 1, in which 2 rows failed"]
    assert attempt_changes(1, 0, 0) == ["the first try instead of retry 1"]
