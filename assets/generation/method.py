"""A method: one way to make instruction-response pairs. Each is declared by one file of the folder methods.

The file has the settings that the method takes in the recipe, the function that makes its pairs, and `METHOD`, which
ties them together. The recipe then knows the key `generation.<name>`, and the graph the asset `raw_<name>`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, Generic, TypeVar

import polars as pl

from assets.recipe.parts import Part
from assets.recipe.types import Recipe
from assets.steps.discovery import declared
from assets.steps.step import Columns, Most, Step
from assets.training.checkpoint import adapter_of
from resources.tools.tools import MemoizedModel, Tools
from warehouse.results.result import Result
from warehouse.schema.records import Pair

Settings = TypeVar("Settings", bound=Part)


@dataclass(frozen=True)
class Job(Generic[Settings]):
    """What a method works with: its settings, the recipe's seed, and the model `generation.model` by name."""

    settings: Settings
    seed: int
    model: str
    tools: Tools

    @property
    def writer(self) -> MemoizedModel:
        """The model as it is: writes completions and measures losses, each on record."""
        return self.tools.model(self.model)

    def tuned(self, checkpoints: pl.DataFrame) -> MemoizedModel:
        """The model with the adapter of the one checkpoint in the frame."""
        return self.tools.model(self.model, adapter_of(checkpoints))


@dataclass(frozen=True)
class Method:
    """One way to make pairs.

    `make` is called with a Job and one frame for each of `inputs`, which are assets: seed_tasks, documents,
    backward_model, fragments, or the raw_<name> of another method. It returns the Pair records with a decision about
    each row. `columns` and `most` are those of the Step; `faults` yields (key, value found, what would be right) for
    settings that contradict each other. `weights` says that it trains or measures a model beside wearing an adapter, so
    that one at an endpoint cannot serve; without `asks` it calls no model at all, and none makes its rows stale.
    """

    name: str
    description: str
    settings: type[Part]
    make: Callable[..., Result]
    inputs: tuple[str, ...]
    columns: Columns
    most: Callable[[Any, Recipe], Most] | None = None
    faults: Callable[[Any], Iterable[tuple[str, object, str]]] = lambda settings: ()
    group: str = "generation"
    weights: bool = False
    asks: bool = True

    @property
    def needs_weights(self) -> bool:
        """Whether completions of the bare model are not all it needs."""
        return self.weights or "backward_model" in self.inputs

    @property
    def asset(self) -> str:
        """The asset that holds the pairs."""
        return f"raw_{self.name}"

    def step(self, recipe: Recipe) -> Step:
        """The asset `raw_<name>`."""
        settings, model = recipe.generation.settings(self.name), recipe.generation.model
        asked = ("generation.model", f"models.{model}")

        # Unwrapped it is the method's own function, whose file decides what the code's digest covers.
        @wraps(self.make)
        def build(tools: Tools, **frames: pl.DataFrame) -> Result:
            return self.make(Job(settings, recipe.seed, model, tools), **frames)

        return Step(
            asset=self.asset,
            group=self.group,
            description=self.description,
            model=Pair,
            build=build,
            slice=recipe.slice("seed", *(asked if self.asks else ()), f"generation.{self.name}"),
            inputs={asset: asset for asset in self.inputs},
            kinds=frozenset({"transformers" if self.asks else "polars", "duckdb"}),
            most=self.most(settings, recipe) if self.most else None,
            columns=self.columns,
        )


def methods() -> Mapping[str, Method]:
    """All methods there are, by name: every file of the folder methods declares one."""
    return declared("assets.generation.methods", "METHOD")
