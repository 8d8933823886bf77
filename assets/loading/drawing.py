"""Contradictions in how methods draw until their arms have their rows (see assets/generation/rounds.py)."""

from __future__ import annotations

from collections.abc import Iterator

from assets.generation.method import method_in, methods
from assets.generation.rounds import draw_of
from assets.recipe.parts import UntilPart
from assets.recipe.types import Recipe
from assets.steps.names import FRAGMENTS, SEED_TASKS


def drawing_faults(recipe: Recipe) -> Iterator[tuple[str, object, str]]:
    """Each contradiction as (path of the key, value found, what is accepted)."""
    for name in recipe.methods:
        settings, path = recipe.generation.settings(name), recipe.generation.path(name)
        if not isinstance(settings, UntilPart):
            continue
        if settings.at_most and not settings.until:
            yield f"{path}.at_most", settings.at_most, "only until: accepted uses it; add that, or remove it"
        if settings.until and not settings.at_most:
            yield f"{path}.at_most", None, "until: accepted needs it: the most that may be drawn in all"
        if not (settings.until and settings.at_most):
            continue
        draw = draw_of(recipe, name)
        sharing = [other for other in recipe.methods if other != name and FRAGMENTS in method_in(recipe, other).inputs]
        if FRAGMENTS in method_in(recipe, name).inputs and sharing:
            yield (
                f"{path}.until",
                settings.until,
                f"{recipe.generation.path(sharing[0])} reads the same fragments; remove it",
            )
        if draw is None:
            accepted = f"{name} reads neither documents nor a count of seed tasks, so it cannot draw more; remove it"
            yield f"{path}.until", settings.until, accepted
            continue
        if draw.most < draw.count:
            accepted = f"it must be at least {draw.count}, which the first round draws"
            yield f"{path}.at_most", draw.most, accepted
        available = sum(selection.count for selection in recipe.seed_tasks)
        if draw.supply == SEED_TASKS and draw.most > available:
            accepted = f"it must be at most {available}, the sum of the counts of {SEED_TASKS}"
            yield f"{path}.at_most", draw.most, accepted


def that_draw() -> list[str]:
    """The methods that can draw until their arms have their rows."""
    return [name for name, method in methods().items() if issubclass(method.settings, UntilPart)]
