"""A benchmark: one way to score students. Each is declared by one file of the folder benchmarks.

The file has the settings that the benchmark takes in the recipe, the functions that answer and score, and `BENCHMARK`,
which ties them together. The recipe then knows the key `evaluation.<name>`, and the graph an asset
`scores/<name>/<arm>` for each arm and the base.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assets.recipe.parts import Part
from assets.recipe.types import Recipe
from assets.steps.discovery import declared
from assets.steps.step import Step
from warehouse.schema.records import HIGHER


@dataclass(frozen=True)
class Metric:
    """What a score of this `name` means: the leaderboard shows `scale` times its mean, in `unit`.

    `better` is higher or lower."""

    name: str
    description: str
    better: str = HIGHER
    unit: str = "%"
    scale: float = 100.0


@dataclass(frozen=True)
class Benchmark:
    """One way to score students.

    `steps` gives what is built for an arm (or the base), called with the benchmark's settings, the recipe and the arm's
    name; the last of them is `scores/<name>/<arm>`, whose rows are Score records with metrics that `metrics` names.

    `fields` are those that its benchmark items need beside the instruction; None says that it has no items of its own.
    `faults` yields (key, value found, what would be right) for settings that contradict each other or the recipe;
    `models` the keys of its settings that name a model, with that name.
    """

    name: str
    description: str
    settings: type[Part]
    metrics: Callable[[Any], Sequence[Metric]]
    steps: Callable[[Any, Recipe, str], list[Step]]
    fields: tuple[str, ...] | None = ()
    faults: Callable[[Any, Recipe], Iterable[tuple[str, object, str]]] = lambda settings, recipe: ()
    models: Callable[[Any], Iterable[tuple[str, str]]] = lambda settings: ()


def benchmarks() -> Mapping[str, Benchmark]:
    """All benchmarks there are, by name: every file of the folder benchmarks declares one."""
    return declared("assets.evaluation.benchmarks", "BENCHMARK")
