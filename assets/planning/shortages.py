"""Arms that must fall short: their methods make fewer pairs than a training set needs, whatever the filters keep."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from assets.generation.method import method_in
from assets.loading.rules import Problem
from assets.recipe.types import Recipe
from assets.steps.names import raw, training_set
from assets.steps.step import Step


def certain_shortages(recipe: Recipe, steps: Sequence[Step]) -> Iterator[Problem]:
    """A problem for each arm whose training set asks for more rows than can come in.

    A step that says so bounds its own rows; a gate keeps at most the rows of its kind that come in. Where neither is
    known, as for a training set of tokens, nothing is found. No row is read, so what filters drop is not counted."""
    by_asset, bounds = {step.asset: step for step in steps}, dict[str, int | None]()
    counts = dict(_counts(recipe))
    for step in steps:
        known = [step.most.rows if step.most else counts.get(step.asset)]
        known += [] if step.calls_model else [_incoming(step, by_asset, bounds)]
        bounds[step.asset] = min((one for one in known if one is not None), default=None)
    for name, arm in recipe.arms.items():
        step = by_asset[training_set(name)]
        incoming = _incoming(step, by_asset, bounds)
        if step.too_few and incoming is not None and (few := step.too_few(incoming)):
            key = f"arms.{name}.rows" if arm.rows else "curation.rows"
            yield Problem(key, recipe.part(key), str(few))


def _incoming(step: Step, by_asset: dict[str, Step], bounds: dict[str, int | None]) -> int | None:
    """The most rows of its own kind that a step may read; None where it reads none, or that is not known."""
    read = [asset for asset in step.inputs.values() if by_asset[asset].model is step.model]
    found = [bound for asset in read if (bound := bounds[asset]) is not None]
    return sum(found) if found and len(found) == len(read) else None


def _counts(recipe: Recipe) -> Iterator[tuple[str, int | None]]:
    """The assets of methods that take the first `count` rows of an input: without other bounds, one pair for each."""
    for name in recipe.methods:
        if method_in(recipe, name).counted_input:
            settings = recipe.generation.settings(name)
            yield raw(name), getattr(settings, "at_most", None) or settings.count
