"""The training set of an arm: as large as that of every other arm, so that arms compare fairly.

The size is a number of rows, or of response tokens. None of the rows says what a benchmark asks or expects (see
decontamination.py): the sources are held apart from it already, but a model may have written it. What is found is
rejected before the draw, and the others fill the budget.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from assets.curation.decontamination import Benchmarks
from assets.curation.embeddings import BENCHMARKS
from assets.recipe.types import Recipe
from assets.sources.held_out import CHECK
from assets.steps.step import Most, Step, same
from resources.tools.tools import Tools
from warehouse.core.errors import Mendable
from warehouse.core.identity import row_seed
from warehouse.results.result import Check, Gate, Result
from warehouse.schema.records import Pair

TEXTS = ("instruction", "input", "response")


class TooFewPairs(Mendable, ValueError):
    """An arm has fewer pairs than the budget asks for, and arms of different sizes would not compare fairly; or the
    first of them exceeds the budget, so that none would be taken."""


@dataclass(frozen=True)
class Budget:
    """How large a training set is: `size` in `unit`, as the recipe says at `key`.

    `sizes` gives what each of some responses takes of it."""

    size: int
    key: str = "curation.rows"
    unit: str = "pairs"
    sizes: Callable[[Sequence[str]], list[int]] = lambda responses: [1] * len(responses)


def take(
    arm: str,
    pairs: pl.DataFrame,
    items: Benchmarks,
    budget: Budget,
    seed: int,
    vectors: dict[str, Sequence[float]] | None = None,
) -> Result:
    """Pairs up to the budget that share nothing with the benchmark `items`, drawn by a hash of their texts.

    Texts and not ids decide: ids depend on the weights of the backward model, whose last bits differ from processor to
    processor, so that equal texts would be drawn differently. The check `leakage` proves that nothing is shared. What a
    smaller budget takes is the first of what a larger one does, so that sizes can be compared.

    A pair that would exceed what is left of a budget of tokens ends the draw, so that long responses are not passed
    over (ours). `vectors` are embeddings of the pairs' instructions; where there are any, each pair needs one.
    Raises TooFewPairs where there is not as much, and where nothing would be taken.
    """
    gate, apart = Gate(Pair, len(pairs)), []
    for row in pairs.iter_rows(named=True):
        if vectors is not None and row["id"] not in vectors:
            gate.fail(row, "its instruction could not be embedded")
        elif found := items.overlap(row, (vectors or {}).get(row["id"])):
            gate.reject(row, found.reason, score=found.score, cut=found.cut, of=found.item)
        else:
            apart.append(row)
    drawn = sorted(apart, key=lambda row: (row_seed(seed, "training set", *(row[name] for name in TEXTS)), row["id"]))
    sizes = budget.sizes([row["response"] for row in drawn])
    left_out = len(pairs) - len(apart)
    without = f" without the {left_out} that hold text of the benchmark" if left_out else ""
    if few := too_few(arm, sum(sizes), budget, without=without):
        raise TooFewPairs(few)
    if sizes[0] > budget.size:
        raise TooFewPairs(
            f"arm {arm!r} would have no pair: the first that is drawn has {sizes[0]} {budget.unit}, {budget.key} asks "
            f"for {budget.size} in all; raise {budget.key}, or lower enhancement.heuristics.response_words"
        )
    taken = 0
    for row, size in zip(drawn, sizes, strict=True):
        taken += size
        if taken <= budget.size:
            gate.keep(row)
        else:
            gate.reject(row, "over the budget", score=taken, cut=budget.size)
    kept = gate.result().kept
    leaked = sum(items.overlap(row, (vectors or {}).get(row["id"])) is not None for row in kept.iter_rows(named=True))
    facts = {"rows": len(kept), "benchmark items": items.count, "rows that hold text of it": leaked}
    return gate.result(checks=[Check(CHECK, not leaked, facts)])


def too_few(arm: str, found: int, budget: Budget, most: str = "", without: str = "") -> str | None:
    """What is wrong where an arm has `found` of what the budget is counted in; None where that is enough."""
    if found >= budget.size:
        return None
    return (
        f"arm {arm!r} has {most}{found} {budget.unit}{without}, {budget.key} asks for {budget.size}: "
        f"{budget.size - found} are missing; generate more, loosen a filter, or lower {budget.key}"
    )


def declared(recipe: Recipe) -> dict[str, Any]:
    """What the recipe declares of its models and sources: where that changes, openness is judged anew."""
    parts = {f"models.{name}": part for name, part in recipe.models.items()}
    parts |= {f"sources.{name}": part for name, part in recipe.sources.items()}
    keys = {"licence", "origin", "made_from"}
    return {"declared": {path: part.model_dump(mode="json", include=keys) for path, part in parts.items()}}


def _budget_key(recipe: Recipe, name: str) -> str:
    """Where the recipe says how large the training set of an arm is."""
    arm = recipe.arms[name]
    own = next((key for key in ("rows", "response_tokens") if getattr(arm, key)), None)
    return f"arms.{name}.{own}" if own else f"curation.{'rows' if recipe.curation.rows else 'response_tokens'}"


def step(recipe: Recipe, name: str) -> Step:
    """The asset `training_sets/<arm>`; its check `leakage` proves that no benchmark text is in it."""
    arm, seed, settings, base = recipe.arms[name], recipe.seed, recipe.curation.decontamination, recipe.training.base
    key = _budget_key(recipe, name)
    size, by_tokens = recipe.part(key), key.endswith("response_tokens")
    by_similarity = settings is not None and settings.similarity is not None

    def build(tools: Tools, pairs: pl.DataFrame, benchmark_items: pl.DataFrame, **frames: pl.DataFrame) -> Result:
        budget = Budget(size, key)
        if by_tokens:
            budget = Budget(size, key, "response tokens", lambda responses: tools.token_counts(base, responses))
        if not by_similarity:
            return take(name, pairs, Benchmarks(benchmark_items, settings), budget, seed)
        items = _vectors([frames.pop("benchmark_embeddings")])
        return take(name, pairs, Benchmarks(benchmark_items, settings, items), budget, seed, _vectors(frames.values()))

    inputs = {"pairs": f"diverse_instructions/{name}", "benchmark_items": "benchmark_items"}
    slice_ = recipe.slice("seed", key, "policy", "ancestors") | declared(recipe)
    if settings:
        slice_ |= recipe.slice("curation.decontamination")
    if by_similarity:
        inputs |= {f"embeddings_{method}": f"instruction_embeddings/{method}" for method in arm.methods}
        inputs |= {"benchmark_embeddings": BENCHMARKS}
    if by_tokens:
        slice_ |= recipe.slice("training.base") | {"tokenizer": recipe.models[base].sha256}
    return Step(
        asset=f"training_sets/{name}",
        group="curation",
        description=f"The {size} {'response tokens' if by_tokens else 'pairs'} that the student of {name!r} is "
        "fine-tuned on.",
        model=Pair,
        build=build,
        slice=slice_,
        inputs=inputs,
        kinds=frozenset({"polars", "duckdb"}),
        most=None if by_tokens else Most(rows=size),
        too_few=None if by_tokens else lambda rows: too_few(name, rows, Budget(size, key), most="at most "),
        checks={CHECK: True},
        columns=same(Pair, "pairs"),
    )


def _vectors(frames: Any) -> dict[str, Sequence[float]]:
    return {row["embedded"]: row["vector"] for frame in frames for row in frame.iter_rows(named=True)}
