"""Filter the pairs of an arm: all pairs of its methods pass heuristics and then the perplexity filter."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import polars as pl

from assets.enhancement.equal_responses import REASON, Responses
from assets.enhancement.heuristics import KEYS, broken_rule
from assets.enhancement.perplexity import IFD, limits, prefers_high
from assets.enhancement.unwanted import unwanted
from assets.generation.cuts import cut_for
from assets.recipe.types import Arm, Heuristics, PerplexityFilter, Recipe
from assets.steps import names
from assets.steps.step import Step, same
from resources.tools.tools import Tools
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Pair


def decide(
    pools: Mapping[str, pl.DataFrame],
    perplexities: Mapping[str, pl.DataFrame],
    heuristics: Heuristics | None,
    perplexity: PerplexityFilter | None,
    levels: Collection[str] | None = None,
    sharing: Collection[str] = (),
) -> Result:
    """One decision per pair. A filter that is None is not applied; `levels` are those of extract-then-generate.

    Of pairs with equal responses the first ones are kept, except among those of the methods `sharing`.

    `pools` and `perplexities` are keyed by method. The cut is the same for all methods of an arm. It is computed over
    the pairs that pass the heuristics.
    """
    gate = Gate(Pair, sum(len(pool) for pool in pools.values()))
    responses = Responses(heuristics.equal_responses if heuristics else None, sharing)
    says = {
        row_id: reason
        for pool in pools.values()
        for row_id, reason in (unwanted(pool, heuristics.unwanted) if heuristics else {}).items()
    }
    value = {row["pair"]: row["value"] for frame in perplexities.values() for row in frame.iter_rows(named=True)}
    passed = []
    for pair in (row for pool in pools.values() for row in pool.iter_rows(named=True)):
        if levels is not None and pair["level"] and pair["level"] not in levels:
            gate.reject(pair, f"level: {pair['level']}")
            continue
        if reason := says.get(pair["id"]):
            gate.reject(pair, reason)
            continue
        broken = heuristics and broken_rule(pair["instruction"], pair["response"], heuristics, pair["input"])
        if broken:
            gate.reject(pair, broken.name, score=broken.score, cut=broken.cut)
        else:
            passed.append(pair)
    if perplexity is None or not passed:
        for pair in passed:
            _keep(gate, pair, responses)
        return gate.result()
    name, high, (least, most) = label(perplexity), prefers_high(perplexity), limits(perplexity)
    within = []
    for pair in passed:
        if pair["id"] not in value:
            gate.fail(pair, f"its {name} could not be measured")
            continue
        score = value[pair["id"]]
        if score is None:
            gate.reject(pair, f"no {name}")
        elif most is not None and score > most:
            gate.reject(pair, f"{name} too high", score=score, cut=most)
        elif least is not None and score < least:
            gate.reject(pair, f"{name} too low", score=score, cut=least)
        else:
            within.append(pair)
    if not within:
        return gate.result()
    # Without a share, every pair within the limits is kept.
    cut = cut_for(pl.Series([value[pair["id"]] for pair in within]), perplexity.keep or 1.0, high)
    for pair in within:
        score = value[pair["id"]]
        if score < cut if high else score > cut:
            gate.reject(pair, name, score=score, cut=cut)
        else:
            _keep(gate, pair, responses, score, cut)
    return gate.result(notes={f"{name} cut": cut})


def _keep(
    gate: Gate, pair: Mapping[str, str], responses: Responses, score: float | None = None, cut: float | None = None
) -> None:
    if first := responses.repeated(pair):
        gate.duplicate(pair, first, REASON)
    else:
        gate.keep(pair, score=score, cut=cut)


def label(settings: PerplexityFilter) -> str:
    """The name of what was measured, which is the reason of a rejection."""
    return "IFD" if settings.measure == IFD else "perplexity"


def step(recipe: Recipe, name: str, arm: Arm, sharing: Sequence[str] = ()) -> Step:
    """The asset `enhanced_instructions/<arm>`; `sharing` are those of its methods that share responses."""
    heuristics = recipe.enhancement.heuristics if "heuristics" in arm.filters else None
    perplexity = recipe.enhancement.perplexity if "perplexity" in arm.filters else None
    if perplexity and arm.keep:
        perplexity = perplexity.model_copy(update={"keep": arm.keep})

    def build(tools: Tools, **frames: pl.DataFrame) -> Result:
        pools: dict[str, pl.DataFrame] = {method: frames[f"pairs_{method}"] for method in arm.methods}
        measured: dict[str, pl.DataFrame] = (
            {method: frames[f"perplexities_{method}"] for method in arm.methods} if perplexity else {}
        )
        return decide(pools, measured, heuristics, perplexity, arm.levels, sharing)

    inputs = {f"pairs_{method}": names.raw(method) for method in arm.methods}
    slice_ = recipe.slice(f"arms.{name}.methods") | recipe.filters(name, "heuristics", "perplexity")
    if arm.levels:
        slice_ |= recipe.slice(f"arms.{name}.levels")
    if heuristics:
        slice_ |= recipe.slice("enhancement.heuristics")
        if sharing:
            slice_ |= {f"arms.{name}.methods that share responses": list(sharing)}
    if perplexity:
        slice_ |= {"enhancement.perplexity": perplexity.model_dump(mode="json", exclude_none=True)}
        inputs |= {f"perplexities_{method}": names.perplexities(method) for method in arm.methods}
    return Step(
        asset=names.enhanced_instructions(name),
        group="enhancement",
        description=f"All pairs of the methods of {name!r}, after its heuristics and perplexity filtering.",
        model=Pair,
        build=build,
        slice=slice_,
        inputs=inputs,
        kinds=frozenset({"polars", "duckdb"}),
        plot=label(perplexity) if perplexity else None,
        columns=same(Pair, *(f"pairs_{method}" for method in arm.methods)),
        remedies={start: f"enhancement.heuristics.{key}" for start, key in KEYS.items()}
        | {
            "": "enhancement.heuristics",
            "level: ": f"arms.{name}.levels",
            label(perplexity or PerplexityFilter()): f"arms.{name}.keep" if arm.keep else "enhancement.perplexity",
        },
    )
