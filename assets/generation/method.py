"""A method: one way to make instruction-response pairs. Each file of the folder methods declares one.

The file has the method's settings in the recipe, the function that makes its pairs, and `METHOD`, which describes both.
This adds the key `generation.<name>` to the recipe and the asset `raw_<name>` to the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, Generic, TypeVar

import polars as pl

from assets.recipe.filters import Heuristics
from assets.recipe.parts import CandidatesPart, Part
from assets.recipe.types import Recipe
from assets.steps.discovery import declared
from assets.steps.names import BACKWARD_MODEL, method_of, raw
from assets.steps.step import Columns, Most, Step
from assets.training.checkpoint import adapter_of
from resources.tools.memoized_model import MemoizedModel
from resources.tools.tools import Tools
from warehouse.results.result import Result
from warehouse.schema.records import Pair

Settings = TypeVar("Settings", bound=Part)


@dataclass(frozen=True)
class Job(Generic[Settings]):
    """What a method works with: its settings, the recipe's seed, the name of `generation.model`, and the tools.

    `rules` are those of enhancement.heuristics where they choose among candidates, else None."""

    settings: Settings
    seed: int
    model: str
    tools: Tools
    rules: Heuristics | None = None

    @property
    def writer(self) -> MemoizedModel:
        """The model without an adapter. It writes completions and measures losses; the memo stores every call."""
        return self.tools.model(self.model)

    def tuned(self, checkpoints: pl.DataFrame) -> MemoizedModel:
        """The model with the adapter of the only checkpoint in the frame."""
        return self.tools.model(self.model, adapter_of(checkpoints))


@dataclass(frozen=True)
class Method:
    """One way to make pairs.

    - `make` gets a Job and one frame for each of `inputs`. It returns Pair records and a decision about each row.
    - `inputs` are names of assets: seed_tasks, documents, backward_model, fragments, or raw_<name> of another method.
    - `of` names the method whose pairs `make` gets as `pairs`, where the settings choose it.
    - `models` yields (key, model name) for each setting that refers to a model beside `generation.model`.
    - `columns` and `most` are those of the Step; `columns_with` gives the columns that other settings make otherwise.
    - `faults` yields (key, value found, what is accepted) for settings that contradict each other.
    - `counted_input` is the input of which the method takes the first `count` rows, where it has such a setting.
    - `trains_or_measures`: the method trains the model or measures losses, which a model at an endpoint cannot do.
    - `shares_responses`: several of its pairs may have one response, or its responses may be those of another method,
      because it writes instructions for given texts. Equal responses are then no fault.
    - `calls_model` is False where the method calls no model: then no change of the model makes its rows stale.
    """

    name: str
    description: str
    settings: type[Part]
    make: Callable[..., Result]
    inputs: tuple[str, ...]
    columns: Columns
    columns_with: Callable[[Any], Columns] = lambda settings: {}
    most: Callable[[Any, Recipe], Most | None] | None = None
    of: Callable[[Any], str] | None = None
    models: Callable[[Any], Iterable[tuple[str, str]]] = lambda settings: ()
    faults: Callable[[Any], Iterable[tuple[str, object, str]]] = lambda settings: ()
    group: str = "generation"
    counted_input: str | None = None
    trains_or_measures: bool = False
    calls_model: bool = True
    shares_responses: bool = False

    def needs_weights(self, settings: Part) -> bool:
        """Whether the method needs the model's weights, and not only its completions."""
        chooses = isinstance(settings, CandidatesPart) and settings.measures
        return self.trains_or_measures or BACKWARD_MODEL in self.inputs or chooses

    @property
    def has_levels(self) -> bool:
        """Whether the pairs have an extraction level: an arm may then select some of the levels."""
        return bool(self.columns.get("level"))

    def other_methods(self, settings: Any) -> tuple[str, ...]:
        """The methods whose pairs this one reads, with these settings."""
        found = (method_of(asset) for asset in self.inputs)
        return (*(name for name in found if name is not None), *([self.of(settings)] if self.of else []))

    @property
    def asset(self) -> str:
        """The asset that holds the pairs."""
        return raw(self.name)

    def step(self, recipe: Recipe) -> Step:
        """The asset `raw_<name>`."""
        settings, model = recipe.generation.settings(self.name), recipe.generation.model
        of_model = ("generation.model", f"models.{model}") if self.calls_model else ()
        others = [f"models.{name}" for _, name in self.models(settings)]
        follows_rules = isinstance(settings, CandidatesPart) and settings.follows_rules
        others += ["enhancement.heuristics"] if follows_rules else []
        rules = recipe.enhancement.heuristics if follows_rules else None

        # The code digest unwraps this function, so that it starts from the file of the method's own `make`.
        @wraps(self.make)
        def build(tools: Tools, **frames: pl.DataFrame) -> Result:
            return self.make(Job(settings, recipe.seed, model, tools, rules), **frames)

        return Step(
            asset=self.asset,
            group=self.group,
            description=self.description,
            model=Pair,
            build=build,
            slice=recipe.slice("seed", *of_model, *others, recipe.generation.path(self.name)),
            inputs={asset: asset for asset in self.inputs} | ({"pairs": raw(self.of(settings))} if self.of else {}),
            kinds=frozenset({"transformers" if self.calls_model else "polars", "duckdb"}),
            most=self.most(settings, recipe) if self.most else None,
            columns={**self.columns, **self.columns_with(settings)},
            remedies={"": recipe.generation.path(self.name)},
        )


def method_in(recipe: Recipe, name: str) -> Method:
    """What `name` stands for in a recipe, a method or a variant of one, under this name."""
    return replace(methods()[recipe.generation.method(name)], name=name)


def read_by(recipe: Recipe, name: str) -> tuple[str, ...]:
    """The methods and variants whose pairs the one called `name` reads; none where it is not in use."""
    if name not in recipe.methods:
        return ()
    return method_in(recipe, name).other_methods(recipe.generation.settings(name))


def methods() -> Mapping[str, Method]:
    """All methods by name, one for each file of the folder methods."""
    return declared("assets.generation.methods", "METHOD")
