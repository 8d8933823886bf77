"""Rounds: a method draws more documents or seed tasks until its arms have their rows, or it has drawn `at_most`.

All is ours. `until: accepted` makes a method draw from a supply of rows in a fixed order. A round takes as many as the
method uses without it: the sum of `documents.*.count`, or the method's own `count`. So the first round has the same
rows as without it. After each round everything up to the training sets is built from all rows drawn so far: pairs,
measures, embeddings, filters. If a training set has too few rows, the methods of its arm draw the next round. So what
is counted are the rows that the arm will have, after each of its rules, also those that compare pairs with each other.

What is built here is not published. Its model calls are in the memo, so each round costs the calls for its own rows, a
killed build goes on where it was, and the assets after this one are built without another call. How many rounds there
are follows from the rows alone.

Where a training set has too few rows after `at_most`, its own build fails and says which rules removed the others.

Worked example: a method draws 100 documents a round. Of the first 100, 61 pairs pass the filters of an arm, of the
first 200, 118. An arm with 100 rows ends after the second round, with 18 pairs beyond its budget.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from assets.generation.method import method_in
from assets.recipe.parts import UntilPart
from assets.recipe.types import Recipe
from assets.steps.names import DOCUMENT_SUPPLY, DOCUMENTS, SEED_TASKS, drawn
from assets.steps.step import Most, Rounds, Step, same
from resources.tools.tools import Report, Tools
from warehouse.core.closure import closure
from warehouse.results.result import Check, Gate, Result
from warehouse.results.shortage import TooFewRows
from warehouse.results.validation import validated
from warehouse.schema.records import Document, Record, SeedTask
from warehouse.store.calls import Meter

CHECK = "accepted"
NOT_NEEDED = "not needed"


@dataclass(frozen=True)
class Draw:
    """How a method draws from the asset `supply`, whose rows are of `model`: `count` in each round, `most` in all.

    `path` is where the recipe has the method's settings."""

    method: str
    path: str
    supply: str
    model: type[Record]
    count: int
    most: int


@dataclass(frozen=True)
class Drawn:
    """The end of the rounds: how many rows each method has drawn, and the error of each training set with too few."""

    rows: Mapping[str, int]
    lacking: Mapping[str, TooFewRows]


def draw_of(recipe: Recipe, method: str) -> Draw | None:
    """How a method draws; None where it has no `until`, or where it reads neither documents nor counted seed tasks."""
    settings, declared = recipe.generation.settings(method), method_in(recipe, method)
    if not isinstance(settings, UntilPart) or not settings.until or not settings.at_most:
        return None
    path = recipe.generation.path(method)
    if declared.counted_input == SEED_TASKS:
        return Draw(method, path, SEED_TASKS, SeedTask, recipe.part(f"{path}.count"), settings.at_most)
    if DOCUMENTS in declared.inputs and declared.counted_input is None:
        count = sum(selection.count for selection in recipe.documents)
        return Draw(method, path, DOCUMENT_SUPPLY, Document, count, settings.at_most)
    return None


def draw_until_accepted(
    draws: Sequence[Draw], inner: Sequence[Step], tools: Tools, frames: Mapping[str, pl.DataFrame]
) -> Drawn:
    """Draws round by round and builds the steps `inner` from what is drawn, until no training set has too few rows or
    all that may be drawn is drawn.

    `frames` are by asset; each of `inner` reads one of these, an earlier step, or what is drawn. Where `tools` only
    guess, as in a plan, it ends with all that may be drawn.
    """
    most = {draw.method: min(draw.most, len(frames[draw.supply])) for draw in draws}
    rows, meters = {draw.method: min(draw.count, most[draw.method]) for draw in draws}, list[Meter]()
    while True:
        meters.append(Meter())
        mine = replace(tools, meter=meters[-1], report=_numbered(tools.report, len(meters)))
        known = {**frames, **{drawn(draw.method): frames[draw.supply].head(rows[draw.method]) for draw in draws}}
        lacking = _built(inner, mine, known)
        if tools.guesses:
            return Drawn(most, {})
        short = closure(lacking, lambda asset: _reads(inner, asset))
        more = [draw for draw in draws if drawn(draw.method) in short and rows[draw.method] < most[draw.method]]
        if not more:
            _count(tools.meter, meters)
            return Drawn(rows, lacking)
        rows = rows | {draw.method: min(rows[draw.method] + draw.count, most[draw.method]) for draw in more}


def _built(inner: Sequence[Step], tools: Tools, known: dict[str, pl.DataFrame]) -> dict[str, TooFewRows]:
    """Builds the steps one after the other into `known`, up to the first guess; the steps that have too few rows."""
    lacking = {}
    for step in inner:
        try:
            result = step.run(tools, {name: known[asset] for name, asset in step.inputs.items()})
        except TooFewRows as few:
            lacking[step.asset] = few
            continue
        if tools.guesses:
            break
        known[step.asset] = validated(result).kept
    return lacking


def _reads(inner: Sequence[Step], asset: str) -> list[str]:
    return [read for step in inner if step.asset == asset for read in step.inputs.values()]


def _numbered(report: Report, number: int) -> Report:
    return lambda what, done, total: report(f"round {number}: {what}", done, total)


def _count(meter: Meter, rounds: Sequence[Meter]) -> None:
    """Adds to `meter` the calls of all rounds. The last one asks for all of them, those that it finds included."""
    computed = sum(one.computed for one in rounds)
    meter.computed += computed
    meter.from_memo += max(0, rounds[-1].computed + rounds[-1].from_memo - computed)
    meter.tokens += sum(one.tokens for one in rounds)
    meter.seconds += sum(one.seconds for one in rounds)


def step(draw: Draw, draws: Sequence[Draw], inner: Sequence[Step], renewed: frozenset[str] = frozenset()) -> Step:
    """The asset `drawn/<method>`: the rows that the method needs. `draws` are those of all methods that draw together,
    and `inner` all steps from what they draw to the training sets, in order; `renewed` as in Rounds."""
    made = {*(one.asset for one in inner), *(drawn(one.method) for one in draws)}
    read = {asset for one in inner for asset in one.inputs.values()} - made | {one.supply for one in draws}
    inputs = {asset.replace("/", "__"): asset for asset in sorted(read)}

    def build(tools: Tools, **frames: pl.DataFrame) -> Result:
        known = {inputs[name]: frame for name, frame in frames.items()}
        return decided(draw, known[draw.supply], draw_until_accepted(draws, inner, tools, known))

    return Step(
        asset=drawn(draw.method),
        group="generation",
        description=f"What {draw.method} draws until its arms have their rows.",
        model=draw.model,
        build=build,
        slice=_together(inner) | {f"{one.path}.until": {"a round": one.count, "at_most": one.most} for one in draws},
        inputs=inputs,
        kinds=frozenset({"transformers", "duckdb"}),
        checks={CHECK: False},
        most=Most(rows=draw.most, calls=None),
        columns=same(draw.model, draw.supply),
        remedies={"": f"{draw.path}.until"},
        rounds=Rounds(
            tuple(inner),
            {drawn(one.method): (one.supply, one.most) for one in draws},
            1 + sum(-(-one.most // one.count) - 1 for one in draws),
            renewed,
        ),
    )


def decided(draw: Draw, supply: pl.DataFrame, found: Drawn) -> Result:
    """A decision about each row of the supply: drawn, with the number of its round as the score, or not needed."""
    gate, rows = Gate(draw.model, len(supply)), found.rows[draw.method]
    for place, row in enumerate(supply.iter_rows(named=True)):
        if place < rows:
            gate.keep(row, score=1 + place // draw.count)
        else:
            gate.reject(row, NOT_NEEDED)
    facts: dict[str, Any] = {"drawn": rows, "at_most": draw.most, "rounds": -(-rows // draw.count)}
    facts |= {asset: few.problem for asset, few in found.lacking.items()}
    return gate.result(checks=[Check(CHECK, not found.lacking, facts)], notes={"rounds": facts["rounds"]})


def _together(inner: Sequence[Step]) -> dict[str, Any]:
    """The slices of all steps; where two have another value at one path, the path gets the name of the asset."""
    slice_: dict[str, Any] = {}
    for one in inner:
        for path, value in one.slice.items():
            key = path if slice_.get(path, value) == value else f"{path} of {one.asset}"
            slice_[key] = value
    return slice_
