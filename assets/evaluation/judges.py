"""The benchmarks in which a model judges answers, and judges that are asked about texts of their own kind.

A model prefers what it would have written itself (Panickssery, Bowman and Feng 2024, arXiv 2404.13076). So its win
rates may only show which students resemble it.
"""

from __future__ import annotations

from assets.evaluation.benchmark import benchmarks
from assets.recipe.types import Recipe
from assets.recipe.values import BASE
from assets.steps import names


def judges(recipe: Recipe) -> dict[str, str]:
    """The benchmarks that make verdicts, each with the benchmark whose answers they compare."""
    found = {}
    arm = next(one for one in (BASE, *recipe.arms) if one != recipe.evaluation.baseline)
    for name in recipe.benchmarks:
        settings = recipe.evaluation.settings(name)
        if any(step.asset == names.verdicts(name, arm) for step in benchmarks()[name].steps(settings, recipe, arm)):
            found[name] = settings.of
    return found


def own_judges(recipe: Recipe) -> list[str]:
    """The judges that are also the generator or the base of the students, as sentences."""
    roles = {"the generator": recipe.generation.model, "the base of the students": recipe.training.base}
    found = []
    for name in judges(recipe):
        for key, model in benchmarks()[name].models(recipe.evaluation.settings(name)):
            if same := [role for role, other in roles.items() if other == model]:
                found.append(
                    f"evaluation.{name}.{key}: {model} is also {' and '.join(same)}; a model prefers texts of its own "
                    "kind, so let another one judge."
                )
    return found
