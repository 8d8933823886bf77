"""A short part of each long test, so that the suite notices a fault at once; the long ones find rarer faults."""

from __future__ import annotations

from tests.fuzzing import recipes
from tests.fuzzing.mutations import run


def test_damaged_recipes_are_loaded_or_refused() -> None:
    counts = run("recipes", range(120), 7, recipes.one_case)
    assert counts.total() == 120
    assert counts["refused"] > 60
