"""The training set of an arm: as large as that of every other arm, so that the comparison is fair.

The size is a number of rows, or of response tokens. No row shares text with a benchmark item (see decontamination.py):
the sources already exclude such rows, but a model may have written one. Those rows are rejected before the sampling,
and the others fill the budget.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from assets.curation.decontamination import BenchmarkTexts, Vectors
from assets.curation.embeddings import vectors_of
from assets.curation.fitness import TEXTS, Fitness, Unfit
from assets.recipe.materials import MaterialPart
from assets.recipe.types import Recipe
from assets.sources.held_out import CHECK
from assets.sources.leaks import REASON
from assets.steps import names
from assets.steps.step import Most, Step, same
from resources.tools.tools import Tools
from warehouse.core.errors import UserError
from warehouse.core.identity import row_seed
from warehouse.results.result import Check, Result
from warehouse.results.selection import Selection
from warehouse.results.shortage import TooFewRows, losses_of
from warehouse.schema.records import Pair

REMEDIES = {
    "": "curation.decontamination",
    REASON: "benchmark_items",
    "control token": "curation.control_tokens",
    "longer than": "training.truncation",
}
"""The recipe key that decides about a rejection, by the start of its reason."""


@dataclass(frozen=True)
class Budget:
    """How large a training set is: `size` in `unit`, as the recipe says at `key`.

    `sizes` gives how much of it each response takes."""

    size: int
    key: str = "curation.rows"
    unit: str = "pairs"
    sizes: Callable[[Sequence[str]], list[int]] = lambda responses: [1] * len(responses)


def take(
    arm: str,
    pairs: pl.DataFrame,
    items: BenchmarkTexts,
    budget: Budget,
    seed: int,
    vectors: Vectors | None = None,
    unfit: Mapping[str, Unfit] | None = None,
    own_draw: bool = False,
) -> Result:
    """Pairs up to the budget that share nothing with the benchmark `items`, sampled by a hash of their texts.

    Texts decide, not ids: ids depend on the weights of the backward model, whose last bits differ between processors,
    so equal texts would be sampled differently. The check `leakage` proves that no text is shared. A smaller budget
    takes the first pairs of a larger one, so that sizes can be compared. For the same reason all arms share one order,
    and two arms of one method share many rows; with `own_draw` the arm has an order of its own (both ours).

    The first pair that exceeds a budget of tokens ends the sampling, so that long responses are not skipped (ours).
    `vectors` are embeddings of the pairs' instructions; if they are given, each pair needs one. `unfit` are pairs that
    the student cannot be trained on, by id.
    Raises UserError where there are too few pairs, and where the first pair already exceeds the budget.
    """
    selection, clean, overlaps = Selection(Pair, pairs), [], items.overlaps(pairs, vectors)
    for place, row in enumerate(pairs["id"]):
        if vectors is not None and row not in vectors:
            selection.fail(place, "its instruction could not be embedded")
        elif found := overlaps.get(row):
            selection.reject(place, found.reason, score=found.score, cut=found.cut, of=found.item)
        elif rejected := (unfit or {}).get(row):
            selection.reject(place, rejected.reason, score=rejected.score, cut=rejected.cut)
        else:
            clean.append(place)
    ordered = _drawn(pairs, clean, seed, ("training set of", arm) if own_draw else ("training set",))
    sizes = budget.sizes(pairs["response"].gather(ordered).to_list())
    if few := too_few(arm, sum(sizes), budget):
        raise few.with_losses(losses_of(selection.losses(), REMEDIES))
    if sizes[0] > budget.size:
        raise UserError(
            f"arm {arm!r} would have no pair: the first has {sizes[0]} {budget.unit}, but {budget.key} allows "
            f"{budget.size} in all; raise {budget.key}, or lower enhancement.heuristics.response_words"
        )
    taken = 0
    for place, size in zip(ordered, sizes, strict=True):
        taken += size
        if taken <= budget.size:
            selection.keep(place)
        else:
            selection.reject(place, "beyond the budget", score=taken, cut=budget.size)
    kept = selection.kept
    leaked = len(items.overlaps(kept, vectors))
    facts = {"rows": len(kept), "benchmark items": items.count, "rows that hold text of it": leaked}
    return selection.result(checks=[Check(CHECK, not leaked, facts)])


def _drawn(pairs: pl.DataFrame, places: Sequence[int], seed: int, draw: Sequence[str]) -> list[int]:
    """The `places` in the order of a hash of their texts."""
    rows = pairs.select(*TEXTS, "id")[places].iter_rows()
    hashed = [(row_seed(seed, *draw, *texts), row, place) for place, (*texts, row) in zip(places, rows, strict=True)]
    return [place for _, _, place in sorted(hashed)]


def too_few(arm: str, found: int, budget: Budget, most: str = "") -> TooFewRows | None:
    """The error where an arm has less (`found`) than the budget, in its unit; None where that is enough."""
    if found >= budget.size:
        return None
    return TooFewRows(
        f"arm {arm!r} has {most}{found} {budget.unit}, {budget.key} asks for {budget.size}: "
        f"{budget.size - found} are missing",
        f"generate more, loosen a filter, or lower {budget.key}",
    )


def openness_slice(recipe: Recipe) -> dict[str, Any]:
    """What the recipe declares about its models and sources: if that changes, openness must be checked again."""
    parts: dict[str, MaterialPart] = {f"models.{name}": part for name, part in recipe.models.items()}
    parts |= {f"sources.{name}": part for name, part in recipe.sources.items()}
    keys = {"licence", "origin", "made_from"}
    return {"declared": {path: part.model_dump(mode="json", include=keys) for path, part in parts.items()}}


def _budget_key(recipe: Recipe, name: str) -> str:
    """The recipe key with the size of an arm's training set."""
    arm = recipe.arms[name]
    own = next((key for key in ("rows", "response_tokens") if getattr(arm, key)), None)
    return f"arms.{name}.{own}" if own else f"curation.{'rows' if recipe.curation.rows else 'response_tokens'}"


def step(recipe: Recipe, name: str) -> Step:
    """The asset `training_sets/<arm>`; its check `leakage` proves that it has no benchmark text."""
    arm, seed, settings, base = recipe.arms[name], recipe.seed, recipe.curation.decontamination, recipe.training.base
    key = _budget_key(recipe, name)
    size, by_tokens = recipe.part(key), key.endswith("response_tokens")
    by_similarity, fitness = settings is not None and settings.similarity is not None, Fitness.of(recipe)

    def build(tools: Tools, pairs: pl.DataFrame, benchmark_items: pl.DataFrame, **frames: pl.DataFrame) -> Result:
        budget = Budget(size, key)
        if by_tokens:
            budget = Budget(size, key, "response tokens", lambda responses: tools.token_counts(base, responses))
        items = _vectors([frames.pop("benchmark_embeddings")]) if by_similarity else None
        vectors = _vectors(frames.values()) if by_similarity else None
        texts = BenchmarkTexts(benchmark_items, settings, items)
        taken = take(name, pairs, texts, budget, seed, vectors, fitness.unfit(tools, pairs), arm.draw == "own")
        return replace(taken, notes=fitness.notes(tools, taken.kept))

    inputs = {"pairs": names.diverse_instructions(name), "benchmark_items": names.BENCHMARK_ITEMS}
    slice_ = recipe.slice("seed", key, "policy", "ancestors") | openness_slice(recipe)
    slice_ |= fitness.slice(recipe)
    if arm.draw == "own":
        slice_ |= recipe.slice(f"arms.{name}.draw")
    if settings:
        slice_ |= recipe.slice("curation.decontamination")
    if by_similarity:
        inputs |= {f"embeddings_{method}": names.instruction_embeddings(method) for method in arm.methods}
        inputs |= {"benchmark_embeddings": names.BENCHMARK_EMBEDDINGS}
    if by_tokens:
        slice_ |= recipe.slice("training.base") | {"tokenizer": recipe.models[base].sha256}
    return Step(
        asset=names.training_set(name),
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
        remedies=REMEDIES | {"beyond the budget": key},
    )


def _vectors(frames: Iterable[pl.DataFrame]) -> Vectors:
    embedded = pl.concat(frames)
    return dict(zip(embedded["embedded"], vectors_of(embedded["vector"]), strict=True))
