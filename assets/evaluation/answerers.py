"""Who answers for an arm: one student per training seed, or the untouched base."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from assets.recipe.types import Recipe
from assets.recipe.values import BASE
from assets.steps.step import Most
from assets.training.checkpoint import adapter_of, written_by
from resources.tools.memoized_model import MemoizedModel
from resources.tools.tools import Tools
from warehouse.core.identity import Parent


@dataclass(frozen=True)
class Student:
    """A model that answers for an arm, with the seed that it was trained with and the checkpoint that it is; the
    untouched base has neither."""

    model: MemoizedModel
    seed: int | None = None
    made_by: tuple[Parent, ...] = ()


def students(tools: Tools, base: str, checkpoints: pl.DataFrame | None) -> list[Student]:
    """One student per checkpoint record; without any the model `base` itself."""
    if checkpoints is None:
        return [Student(tools.model(base))]
    return [
        Student(tools.model(base, adapter_of(row)), row["seed"][0], ((row["id"][0], "checkpoint"),))
        for row in checkpoints.iter_slices(1)
    ]


def inputs(arm: str) -> dict[str, str]:
    """Where the checkpoints of an arm come from, as the input `student` of a step; the base has none."""
    return {} if arm == BASE else {"student": f"students/{arm}"}


def written(arm: str) -> list[tuple[str, str]]:
    """Lineage of what the students of an arm write."""
    return [] if arm == BASE else written_by("student")


def seeds(arm: str) -> list[tuple[str, str]]:
    """Lineage of the column `seed`."""
    return [] if arm == BASE else [("student", "seed")]


def named(arm: str) -> str:
    """The students of an arm in words."""
    return "the untouched base" if arm == BASE else f"the student of {arm!r}"


def items_of(recipe: Recipe, benchmark: str) -> int:
    """How many items a benchmark has."""
    return sum(selection.count for selection in recipe.benchmark_items if selection.benchmark == benchmark)


def bound(recipe: Recipe, arm: str, each: int, calls: int) -> Most:
    """The most rows and calls of a step, where a student gives `each` rows with `calls` calls.

    Needed where a plan cannot count: of several students it knows the first alone, and of items that are not drawn yet
    it does not know of which benchmark they are.
    """
    several = 1 if arm == BASE else recipe.training.seeds
    return Most(rows=several * each, calls=several * calls)
