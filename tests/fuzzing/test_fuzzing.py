"""A short part of each long test, so that the suite notices a fault at once; the long ones find rarer faults."""

from __future__ import annotations

from tests.fuzzing import recipes, sources
from tests.fuzzing.mutations import run


def test_damaged_recipes_are_loaded_or_refused() -> None:
    counts = run("recipes", range(120), 7, recipes.one_case)
    assert counts.total() == 120
    assert counts["refused"] > 60


def test_damaged_sources_are_read_or_refused_and_lose_no_row() -> None:
    counts = run("sources", range(120), 7, sources.one_case)
    assert counts.total() == 120
    assert sum(count for outcome, count in counts.items() if outcome.endswith("selected")) > 20
