"""A benchmark is one way to score students. Each file of the folder benchmarks declares one.

The file defines the benchmark's settings in the recipe, the functions that answer and score, and `BENCHMARK`, which
combines them. The recipe then accepts the key `evaluation.<name>`, and the graph gets an asset `scores/<name>/<arm>`
for each arm and for the base.
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
    """The meaning of scores with this `name`. The leaderboard shows `scale` times their mean, in `unit`.

    `better` says whether higher or lower values are better. Raises ValueError where there is no unit."""

    name: str
    description: str
    better: str = HIGHER
    unit: str = "%"
    scale: float = 100.0

    def __post_init__(self) -> None:
        # The leaderboard would quarantine its rows.
        if not self.unit:
            raise ValueError(f"the metric {self.name} needs a unit")


@dataclass(frozen=True)
class Benchmark:
    """One way to score students.

    `steps` takes the benchmark's settings, the recipe and the name of an arm (or of the base), and returns the steps
    to build for it. The last step is `scores/<name>/<arm>`; its rows are Score records with the metrics from `metrics`.

    `fields` lists the fields that its items need besides the instruction; None means that it has no items of its own.
    `faults` yields (key, value found, how to correct it) for settings that contradict each other or the recipe.
    `models` yields (key, model name) for each setting that refers to a model.
    `has_answers`: the students write texts, in `predictions/<name>/<arm>`, which other benchmarks may read.
    """

    name: str
    description: str
    settings: type[Part]
    metrics: Callable[[Any], Sequence[Metric]]
    steps: Callable[[Any, Recipe, str], list[Step]]
    fields: tuple[str, ...] | None = ()
    faults: Callable[[Any, Recipe], Iterable[tuple[str, object, str]]] = lambda settings, recipe: ()
    models: Callable[[Any], Iterable[tuple[str, str]]] = lambda settings: ()
    has_answers: bool = False


def benchmarks() -> Mapping[str, Benchmark]:
    """All benchmarks by name, one from each file of the folder benchmarks."""
    return declared("assets.evaluation.benchmarks", "BENCHMARK")


def answered(recipe: Recipe) -> list[str]:
    """The benchmarks of a recipe in which the students write answers that others can use."""
    return [name for name in recipe.benchmarks if benchmarks()[name].has_answers]
