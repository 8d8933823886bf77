"""What `check` says about a recipe that can be used, and what a build of it from nothing would cost."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.core.texts import listed

if TYPE_CHECKING:
    from assets.commands.project import Project
    from assets.loading.rules import Problem
    from assets.planning.estimate import Stage
    from assets.planning.hours import Given, Work
    from assets.recipe.types import Recipe


@dataclass(frozen=True)
class Checked:
    """A recipe without a problem: how many assets it has, its arms, and what its author may want to change.

    `unpinned` are the keys of models and sources without a hash, `not_in_any_arm` the assets that no arm uses.
    `writes_with` is the engine of each model on this machine, and `faster` are the models that could write faster here.
    `slower` are the trainings that would be faster in float32 here.
    """

    recipe: Path
    assets: int
    arms: tuple[str, ...]
    unpinned: tuple[str, ...]
    not_in_any_arm: tuple[str, ...]
    warnings: tuple[str, ...]
    writes_with: Mapping[str, str]
    faster: tuple[str, ...]
    slower: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        """All of it as lines of text."""
        yield f"{self.recipe} is good: {self.assets} assets, arms {', '.join(self.arms)}"
        if self.unpinned:
            yield f"unpinned: {listed(self.unpinned)}; before a build: slingshot pin --recipe {self.recipe}"
        if self.not_in_any_arm:
            yield f"not in any arm: {', '.join(self.not_in_any_arm)}"
        yield from self.warnings
        for model, engine in self.writes_with.items():
            yield f"{model} writes with {engine}"
        for name in self.faster:
            yield (
                f"{name}: this processor also computes bfloat16, which is faster and answers many prompts differently: "
                f"models.{name}.precision: bfloat16"
            )
        for key in self.slower:
            yield f"{key}.precision: bfloat16 trains more slowly than float32 here, since this processor has no AMX"


@dataclass(frozen=True)
class Cost:
    """Upper bounds of a build: `cost` by stage, `work` the hours by kind of work, and `fails` the assets at which it
    would stop, with the error."""

    cost: Sequence[Stage]
    work: Sequence[Work]
    fails: Mapping[str, str | None]


def checked(project: Project) -> Checked:
    """What is to say about a recipe that can be used. Raises RecipeError, with what is wrong on this machine too, and
    where arms must fall short of rows."""
    from assets.evaluation.judges import own_judges
    from assets.loading.bench import workbench
    from assets.loading.file import load_recipe, recipe_error
    from assets.loading.local_models import faster, missing_layers, slower
    from assets.loading.local_sources import local_problems
    from assets.loading.pinning import unpinned
    from assets.loading.sizes import unused_methods
    from assets.planning.shortages import certain_shortages
    from resources.tools.locations import cache_path

    path = project.recipe_file

    def on_this_machine(read: Recipe) -> Iterator[Problem]:
        bench = workbench(read, project.warehouse, path.parent, cache_path())
        yield from local_problems(read, bench)
        yield from missing_layers(read, bench)

    recipe = load_recipe(path, on_this_machine)
    if short := [*certain_shortages(recipe, project.steps)]:
        raise recipe_error(path, short)
    return Checked(
        recipe=path,
        assets=len(project.steps),
        arms=tuple(recipe.arms),
        unpinned=tuple(unpinned(recipe)),
        not_in_any_arm=tuple(f"raw_{name}" for name in unused_methods(recipe)),
        warnings=tuple(own_judges(recipe)),
        writes_with=project.engines(),
        faster=tuple(faster(recipe, project.bench)),
        slower=tuple(slower(recipe)),
    )


def cost(project: Project, given: Given) -> Cost:
    """The most that a build of everything in an empty warehouse can cost, with the rates that are `given` or measured
    in the project's warehouse."""
    from assets.loading.bench import workbench
    from assets.planning.estimate import estimate
    from assets.planning.hours import work
    from assets.planning.plan import Planner
    from warehouse.store.rates import measured_speeds

    with tempfile.TemporaryDirectory() as empty:
        bench = workbench(project.recipe, Path(empty), project.recipe_file.parent, embedded=True)
        planned = Planner(bench, project.recipe.retries).plan(project.steps)
    stages = estimate(project.steps, planned)
    measured = measured_speeds(project.database, [one.id for one in project.bench.models.values()])
    failing = {one.asset: one.error for one in planned if one.state == "fails"}
    return Cost(stages, work(stages, given, measured), failing)
