"""The steps of methods with `until: accepted` (see assets/generation/rounds.py): what they draw from, what they draw,
and the steps that read it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import wraps

import polars as pl

from assets.enhancement import fragments
from assets.generation.method import method_in, read_by
from assets.generation.rounds import Draw, draw_of
from assets.generation.rounds import step as drawn_step
from assets.recipe.parts import UntilPart
from assets.recipe.types import Recipe
from assets.sources import document_supply
from assets.steps.names import DOCUMENT_SUPPLY, DOCUMENTS, FRAGMENTS, drawn, raw, training_set
from assets.steps.step import Step
from resources.tools.tools import Tools
from warehouse.core.closure import closure
from warehouse.results.result import Result
from warehouse.results.shortage import TooFewRows


def with_drawing(recipe: Recipe, found: Sequence[Step]) -> list[Step]:
    """The steps `found` of a recipe, and those that draw for its methods with `until`: these
    come before the first step that reads them."""
    draws = [draw for name in recipe.methods if (draw := draw_of(recipe, name))]
    if not draws:
        return [*found]
    reading = {step.asset: step for draw in draws for step in _reading(recipe, draw)}
    steps = [reading.get(step.asset, step) for step in found]
    inputs = {step.asset: tuple(step.inputs.values()) for step in steps}
    made_of = {asset: closure([asset], lambda one: inputs.get(one, ())).keys() for asset in inputs}
    for_arm = {
        asset: [draw for draw in draws if drawn(draw.method) in made_of[asset]]
        for asset in map(training_set, recipe.arms)
    }
    # Their pairs depend on all pairs of another method, and so may be others in each round.
    mixing = {raw(name) for name in recipe.methods if read_by(recipe, name)}
    own = []
    for group in _groups(draws, for_arm.values()):
        inner = [step for step in steps if _is_between(step.asset, group, for_arm, made_of)]
        renewed = frozenset(step.asset for step in inner if not mixing.isdisjoint(made_of[step.asset]))
        own += [drawn_step(draw, group, inner, renewed) for draw in group]
    if of_documents := [draw for draw in draws if draw.supply == DOCUMENT_SUPPLY]:
        largest = max(of_documents, key=lambda draw: draw.most)
        own.insert(0, document_supply.step(recipe, largest.most, f"{largest.path}.at_most"))
    first = next(place for place, step in enumerate(steps) if step.asset in reading)
    ended = [_at_the_end(step, for_arm.get(step.asset, ())) for step in steps]
    return [*ended[:first], *own, *ended[first:]]


def _is_between(
    asset: str, group: Sequence[Draw], for_arm: Mapping[str, Sequence[Draw]], made_of: Mapping[str, Collection[str]]
) -> bool:
    """Whether an asset is made from what the group draws, and a training set from it."""
    ends = [end for end, draws in for_arm.items() if any(draw in group for draw in draws)]
    return any(asset in made_of[end] for end in ends) and any(drawn(draw.method) in made_of[asset] for draw in group)


def _groups(draws: Sequence[Draw], sharing: Iterable[Sequence[Draw]]) -> list[list[Draw]]:
    """The draws, those together that serve one arm, directly or through others."""
    groups = [[draw] for draw in draws]
    for arm in sharing:
        joined = [group for group in groups if any(draw in arm for draw in group)]
        rest = [group for group in groups if group not in joined]
        groups = [*rest, [draw for draw in draws if any(draw in group for group in joined)]] if joined else groups
    return groups


def _reading(recipe: Recipe, draw: Draw) -> Iterator[Step]:
    """The steps of a method that read what it draws in place of all documents or seed tasks."""
    method, roomy = method_in(recipe, draw.method), _roomy(recipe, draw)
    replaced = DOCUMENTS if draw.supply == DOCUMENT_SUPPLY else draw.supply
    made = [method.step(roomy)]
    if FRAGMENTS in method.inputs and roomy.enhancement.fragments:
        made.append(fragments.step(roomy, roomy.enhancement.fragments))
    key = draw.path
    for step in made:
        # The rows depend on what is drawn, not on how much might have been.
        own = {key: {name: value for name, value in recipe.slice(key)[key].items() if name not in _DRAWING}}
        yield replace(
            step,
            inputs={name: drawn(draw.method) if asset == replaced else asset for name, asset in step.inputs.items()},
            slice={**step.slice, **own} if key in step.slice else step.slice,
        )


_DRAWING = {*UntilPart.model_fields, "count"}


def _roomy(recipe: Recipe, draw: Draw) -> Recipe:
    """The recipe with as many documents or seed tasks for a method as it may draw, which bounds its rows and calls."""
    documents = recipe.documents
    if draw.supply == DOCUMENT_SUPPLY:
        documents = (documents[0].model_copy(update={"count": draw.most}),)
    settings = recipe.generation.settings(draw.method)
    if "count" in type(settings).model_fields:
        settings = settings.model_copy(update={"count": draw.most})
    generation = recipe.generation.with_settings(draw.method, settings)
    return recipe.model_copy(update={"documents": documents, "generation": generation})


def _at_the_end(step: Step, draws: Sequence[Draw]) -> Step:
    """A training set whose error about too few rows says that its methods may draw no more."""
    if not draws:
        return step
    keys = " and ".join(f"{draw.path}.at_most" for draw in draws)
    advice = f"all that {keys} and the sources allow was drawn: raise this, loosen a filter, or lower the size"

    def ended(few: TooFewRows) -> TooFewRows:
        return TooFewRows(few.problem, advice, few.losses)

    @wraps(step.build)
    def build(tools: Tools, **frames: pl.DataFrame) -> Result:
        try:
            return step.build(tools, **frames)
        except TooFewRows as few:
            raise ended(few) from few

    too_few = step.too_few
    return replace(step, build=build, too_few=too_few and (lambda rows: (few := too_few(rows)) and ended(few)))
