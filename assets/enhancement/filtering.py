"""Filter the pairs of an arm: all pairs of its methods pass heuristics, and then the filters by what was measured."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import polars as pl

from assets.enhancement import shares
from assets.enhancement.equal_responses import REASON, Responses
from assets.enhancement.measuring import MeasureFilter, label, limits, prefers_high
from assets.generation.cuts import cut_for
from assets.prompting.heuristics import KEYS, broken_rule
from assets.prompting.languages import foreign
from assets.prompting.personal_data import personal_data
from assets.prompting.unwanted import unwanted
from assets.recipe.filters import AlignmentFilter, Heuristics, PerplexityFilter
from assets.recipe.types import Arm, Recipe
from assets.steps import names
from assets.steps.step import Step, same
from resources.tools.tools import Tools
from warehouse.results.result import Result
from warehouse.results.selection import Selection
from warehouse.schema.records import Pair


def decide(
    pools: Mapping[str, pl.DataFrame],
    perplexities: Mapping[str, pl.DataFrame],
    heuristics: Heuristics | None,
    perplexity: PerplexityFilter | None,
    levels: Collection[str] | None = None,
    sharing: Collection[str] = (),
    alignments: Mapping[str, pl.DataFrame] | None = None,
    alignment: AlignmentFilter | None = None,
    unmixed: Collection[str] = (),
) -> Result:
    """One decision per pair. A filter that is None is not applied; `levels` are those of extract-then-generate, and
    `unmixed` are the ids of the pairs that are beyond the shares of a mixed arm.

    Of pairs with equal responses the first ones are kept, except among those of the methods `sharing`.

    `pools`, `perplexities` and `alignments` are keyed by method. A cut is the same for all methods of an arm. That of
    the perplexity is computed over the pairs that pass the heuristics, that of the alignment over those that also pass
    the perplexity filter.
    """
    # Variants of one method may have made the same pair.
    pairs = pl.concat(pools.values()).unique("id", keep="first", maintain_order=True)
    selection, ids = Selection(Pair, pairs), pairs["id"].to_list()
    responses = Responses(heuristics.equal_responses if heuristics else None, sharing)
    says = {
        row_id: reason
        for pool in pools.values()
        for row_id, reason in (_said(pool, heuristics) if heuristics else {}).items()
    }
    passed: list[int] = []
    for place, pair in enumerate(pairs.iter_rows(named=True)):
        level = pair["level"]
        if pair["id"] in unmixed:
            selection.reject(place, shares.REASON)
        elif levels is not None and level and level not in levels:
            selection.reject(place, f"level: {level}")
        elif reason := says.get(pair["id"]):
            selection.reject(place, reason)
        elif heuristics and (broken := broken_rule(pair["instruction"], pair["response"], heuristics, pair["input"])):
            selection.reject(place, broken.name, score=broken.score, cut=broken.cut)
        else:
            passed.append(place)
    scores: dict[int, tuple[float, float]] = {}
    notes: dict[str, float] = {}
    for settings, frames in ((perplexity, perplexities), (alignment, alignments or {})):
        if settings is not None and passed:
            values = _values(frames, settings)
            measured = {place: values[ids[place]] for place in passed if ids[place] in values}
            passed, cut = _within(selection, passed, measured, settings, scores)
            notes |= {} if cut is None else {f"{label(settings)} cut": cut}
    for place, pair in zip(passed, pairs[passed].iter_rows(named=True), strict=True):
        if first := responses.repeated(pair):
            selection.duplicate(place, first, REASON)
        else:
            selection.keep(place, *scores.get(place, ()))
    return selection.result(notes=notes)


def _said(pairs: pl.DataFrame, heuristics: Heuristics) -> dict[str, str]:
    """The reason to reject a pair for what it says, by its id."""
    return (
        foreign(pairs, heuristics.languages)
        | personal_data(pairs, heuristics.personal_data)
        | unwanted(pairs, heuristics.unwanted)
    )


def _values(frames: Mapping[str, pl.DataFrame], settings: MeasureFilter) -> dict[str, float | None]:
    """What was measured of each pair, by the pair's id."""
    return {
        row["pair"]: row["value"]
        for frame in frames.values()
        for row in frame.iter_rows(named=True)
        if row["measure"] == settings.measure
    }


def _within(
    selection: Selection,
    places: Sequence[int],
    values: Mapping[int, float | None],
    settings: MeasureFilter,
    scores: dict[int, tuple[float, float]],
) -> tuple[list[int], float | None]:
    """(the places that a filter keeps, its cut); decides about the others, and puts (value, cut) into `scores`."""
    name, high, (least, most) = label(settings), prefers_high(settings), limits(settings)
    within: dict[int, float] = {}
    for place in places:
        if place not in values:
            selection.fail(place, f"its {name} could not be measured")
        elif (score := values[place]) is None:
            selection.reject(place, f"no {name}")
        elif most is not None and score > most:
            selection.reject(place, f"{name} too high", score=score, cut=most)
        elif least is not None and score < least:
            selection.reject(place, f"{name} too low", score=score, cut=least)
        else:
            within[place] = score
    if not within:
        return [], None
    # Without a share, every pair within the limits is kept.
    cut = cut_for(pl.Series(within.values()), settings.keep or 1.0, high)
    kept = []
    for place, score in within.items():
        if score < cut if high else score > cut:
            selection.reject(place, name, score=score, cut=cut)
        else:
            scores[place] = (score, cut)
            kept.append(place)
    return kept, cut


def step(recipe: Recipe, name: str, arm: Arm, sharing: Sequence[str] = ()) -> Step:
    """The asset `enhanced_instructions/<arm>`; `sharing` are those of its methods that share responses."""
    heuristics = recipe.enhancement.heuristics if "heuristics" in arm.filters else None
    perplexity = recipe.enhancement.perplexity if "perplexity" in arm.filters else None
    if perplexity and arm.keep:
        perplexity = perplexity.model_copy(update={"keep": arm.keep})
    alignment = recipe.alignment(name)

    def build(tools: Tools, **frames: pl.DataFrame) -> Result:
        pools: dict[str, pl.DataFrame] = {method: frames[f"pairs_{method}"] for method in arm.methods}
        measured: dict[str, pl.DataFrame] = (
            {method: frames[f"perplexities_{method}"] for method in arm.methods} if perplexity else {}
        )
        aligned: dict[str, pl.DataFrame] = (
            {method: frames[f"alignments_{method}"] for method in arm.methods} if alignment else {}
        )
        unmixed = shares.beyond(pools, arm.shares, recipe.seed) if arm.shares else set()
        return decide(pools, measured, heuristics, perplexity, arm.levels, sharing, aligned, alignment, unmixed)

    inputs = {f"pairs_{method}": names.raw(method) for method in arm.methods}
    slice_ = recipe.slice(f"arms.{name}.methods") | recipe.filters(name, "heuristics", "perplexity", "alignment")
    if arm.levels:
        slice_ |= recipe.slice(f"arms.{name}.levels")
    if arm.shares:
        slice_ |= recipe.slice("seed", f"arms.{name}.shares")
    if heuristics:
        slice_ |= recipe.slice("enhancement.heuristics")
        if sharing:
            slice_ |= {f"arms.{name}.methods that share responses": list(sharing)}
    if perplexity:
        slice_ |= {"enhancement.perplexity": perplexity.model_dump(mode="json", exclude_none=True)}
        inputs |= {f"perplexities_{method}": names.perplexities(method) for method in arm.methods}
    if alignment:
        slice_ |= {"enhancement.alignment": alignment.model_dump(mode="json", exclude_none=True)}
        inputs |= {f"alignments_{method}": names.alignments(method) for method in arm.methods}
    return Step(
        asset=names.enhanced_instructions(name),
        group="enhancement",
        description=f"All pairs of the methods of {name!r}, after its heuristics and instruction filtering.",
        model=Pair,
        build=build,
        slice=slice_,
        inputs=inputs,
        kinds=frozenset({"polars", "duckdb"}),
        plot=label(measured_by) if (measured_by := alignment or perplexity) else None,
        columns=same(Pair, *(f"pairs_{method}" for method in arm.methods)),
        remedies={start: f"enhancement.heuristics.{key}" for start, key in KEYS.items()}
        | {
            "": "enhancement.heuristics",
            "level: ": f"arms.{name}.levels",
            shares.REASON: f"arms.{name}.shares",
            label(perplexity or PerplexityFilter()): f"arms.{name}.keep" if arm.keep else "enhancement.perplexity",
            label(alignment or AlignmentFilter()): f"arms.{name}.keep" if arm.keep else "enhancement.alignment",
        },
    )
