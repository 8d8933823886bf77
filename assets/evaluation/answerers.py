"""The models that answer for an arm: one student per training seed, or the untouched base."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from assets.recipe.types import Recipe
from assets.recipe.values import BASE
from assets.steps import names
from assets.steps.step import Most
from assets.training.checkpoint import adapter_of, written_by
from resources.tools.memoized_model import MemoizedModel
from resources.tools.tools import Tools
from warehouse.core.identity import Parent


@dataclass(frozen=True)
class Answerer:
    """A model that answers for an arm, with its training seed and its checkpoint. The untouched base has neither."""

    model: MemoizedModel
    seed: int | None = None
    made_by: tuple[Parent, ...] = ()


def load(tools: Tools, base: str, checkpoints: pl.DataFrame | None) -> list[Answerer]:
    """One student per checkpoint record; without checkpoints the model `base` itself."""
    if checkpoints is None:
        return [Answerer(tools.model(base))]
    return [
        Answerer(tools.model(base, adapter_of(row)), row["seed"][0], ((row["id"][0], "checkpoint"),))
        for row in checkpoints.iter_slices(1)
    ]


def inputs(arm: str) -> dict[str, str]:
    """The checkpoints of an arm as the input `student` of a step; empty for the base."""
    return {} if arm == BASE else {"student": names.student(arm)}


def text_lineage(arm: str) -> list[tuple[str, str]]:
    """Lineage of text that the students of an arm write."""
    return [] if arm == BASE else written_by("student")


def seed_lineage(arm: str) -> list[tuple[str, str]]:
    """Lineage of the column `seed`."""
    return [] if arm == BASE else [("student", "seed")]


def described(arm: str) -> str:
    """A phrase for the students of an arm, to use in descriptions."""
    return "the untouched base" if arm == BASE else f"the student of {arm!r}"


def item_count(recipe: Recipe, benchmark: str) -> int:
    """How many items a benchmark has."""
    return sum(selection.count for selection in recipe.benchmark_items if selection.benchmark == benchmark)


def bound(recipe: Recipe, arm: str, each: int, calls: int) -> Most:
    """The largest numbers of rows and calls of a step in which each model makes `each` rows with `calls` calls.

    A plan cannot count these itself: it sees only the first of several students, and it cannot tell which benchmark
    the items that are not sampled yet belong to.
    """
    several = 1 if arm == BASE else recipe.training.seeds
    return Most(rows=several * each, calls=several * calls)
