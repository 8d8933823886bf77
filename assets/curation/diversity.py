"""Diversity: of pairs with instructions that are alike, some are dropped, by one of four rules.

`greedy` (Deita), `semdedup`, `k_center` and `rouge_l` each have a file of their own. Quality, where a rule heeds it, is
what the perplexity filter prefers where it was measured, else the order of making (ours).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assets.curation.greedy import Nearest, greedy
from assets.curation.k_center import k_center
from assets.curation.lexical import lexical
from assets.curation.semdedup import semdedup
from assets.enhancement.perplexity import prefers_high
from assets.prompting.prompts import with_input
from assets.recipe.types import Arm, Diversity, Recipe
from assets.steps.step import Step, same
from resources.tools.tools import Tools
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Pair


@dataclass(frozen=True)
class Rule:
    """One rule: its keys in the recipe with what they are where nothing is said, and how its decisions are told.

    `embeds` says that it needs embeddings, `copies` that what it drops is a duplicate of what it is held against.
    """

    keys: Mapping[str, float | None]
    reason: str
    cut: Callable[[Diversity], float | None]
    embeds: bool = True
    copies: bool = True


RULES: Mapping[str, Rule] = {
    "greedy": Rule({"similarity": 0.9}, "similar instruction", lambda s: value_of(s, "similarity")),
    "semdedup": Rule(
        {"epsilon": 0.1, "clusters": None}, "near copy in its cluster", lambda s: 1 - value_of(s, "epsilon")
    ),
    "k_center": Rule({"select": None}, "no centre", lambda s: None, copies=False),
    "rouge_l": Rule({"rouge_l": 0.7}, "ROUGE-L", lambda s: value_of(s, "rouge_l"), embeds=False),
}


def value_of(settings: Diversity, key: str) -> float:
    """What a key of the rule is, or else its default."""
    said = getattr(settings, key)
    return float(RULES[settings.rule].keys[key] or 0.0) if said is None else float(said)


def diversify(
    pairs: pl.DataFrame,
    embeddings: pl.DataFrame | None,
    quality: pl.DataFrame | None,
    settings: Diversity,
    highest_first: bool = False,
    seed: int = 0,
) -> Result:
    """One decision per pair; `quality` (columns pair, value) puts the lowest value first, or the highest.

    `embeddings` (columns embedded, vector) are those of the instructions; a lexical rule has none.
    """
    gate = Gate(Pair, len(pairs))
    place_of = {} if embeddings is None else {row: place for place, row in enumerate(embeddings["embedded"])}
    rows = []
    for row in pairs.iter_rows(named=True):
        if embeddings is None or row["id"] in place_of:
            rows.append(row)
        else:
            gate.fail(row, "its instruction could not be embedded")
    if not rows:
        return gate.result()
    vectors = None
    if embeddings is not None:
        vectors = _matrix(embeddings["vector"].gather([place_of[row["id"]] for row in rows]))
    order = list(range(len(rows)))
    if quality is not None:
        sign = -1 if highest_first else 1
        value = dict(zip(quality["pair"], quality["value"], strict=True))
        order.sort(key=lambda index: (sign * value.get(rows[index]["id"], sign * float("inf")), index))
    rule = RULES[settings.rule]
    for row, nearest in zip(rows, _decided(rows, vectors, order, settings, seed), strict=True):
        cut = rule.cut(settings)
        similarity = None if nearest.index is None else nearest.similarity
        if nearest.kept or nearest.index is None:
            # The first row has nothing to be similar to.
            gate.keep(row, score=similarity, cut=cut)
        elif rule.copies:
            gate.duplicate(row, rows[nearest.index]["id"], rule.reason, score=similarity, cut=cut)
        else:
            gate.reject(row, rule.reason, score=similarity, cut=cut, of=rows[nearest.index]["id"])
    return gate.result()


def _decided(
    rows: Sequence[dict[str, str]],
    vectors: NDArray[np.float32] | None,
    order: Sequence[int],
    settings: Diversity,
    seed: int,
) -> list[Nearest]:
    if vectors is None:
        texts = [with_input(row["instruction"], row["input"]) for row in rows]
        return lexical(texts, order, value_of(settings, "rouge_l"))
    if settings.rule == "semdedup":
        return semdedup(vectors, order, value_of(settings, "epsilon"), settings.clusters, seed)
    if settings.rule == "k_center":
        return k_center(vectors, order, settings.select or len(rows))
    return greedy(vectors, order, value_of(settings, "similarity"))


def _matrix(vectors: pl.Series) -> NDArray[np.float32]:
    """One row per vector. Raises ValueError where they differ in length."""
    lengths = vectors.list.len().unique().to_list()
    if len(lengths) > 1:
        raise ValueError(f"embeddings of one model have one length; found {sorted(lengths)}")
    return vectors.list.to_array(lengths[0]).to_numpy().astype(np.float32, copy=False)


def step(recipe: Recipe, name: str, arm: Arm) -> Step:
    """The asset `diverse_instructions/<arm>`; without the filter it passes everything on."""
    settings = recipe.curation.diversity if "diversity" in arm.filters else None
    by_quality = "perplexity" in arm.filters
    perplexity = recipe.enhancement.perplexity
    seed = recipe.seed
    high = by_quality and perplexity is not None and prefers_high(perplexity)

    def build(tools: Tools, pairs: pl.DataFrame, **frames: pl.DataFrame) -> Result:
        if settings is None:
            gate = Gate(Pair, len(pairs))
            for row in pairs.iter_rows(named=True):
                gate.keep(row)
            return gate.result()
        embeds = RULES[settings.rule].embeds
        embeddings = pl.concat([frames[f"embeddings_{method}"] for method in arm.methods]) if embeds else None
        quality = pl.concat([frames[f"perplexities_{method}"] for method in arm.methods]) if by_quality else None
        return diversify(pairs, embeddings, quality, settings, high, seed)

    inputs = {"pairs": f"enhanced_instructions/{name}"}
    slice_ = recipe.slice(f"arms.{name}.methods") | recipe.filters(name, "diversity")
    if settings:
        slice_ |= recipe.filters(name, "diversity", "perplexity")
        slice_ |= recipe.slice(*(f"curation.diversity.{key}" for key in RULES[settings.rule].keys))
        if settings.rule != "greedy":
            slice_ |= recipe.slice("curation.diversity.rule")
        if settings.rule == "semdedup":
            slice_ |= recipe.slice("seed")
        if RULES[settings.rule].embeds:
            inputs |= {f"embeddings_{method}": f"instruction_embeddings/{method}" for method in arm.methods}
        if by_quality:
            inputs |= {f"perplexities_{method}": f"perplexities/{method}" for method in arm.methods}
        if high:
            slice_ |= {"enhancement.perplexity.prefer": "high"}
    return Step(
        asset=f"diverse_instructions/{name}",
        group="curation",
        description=f"The pairs of {name!r} whose instructions differ enough from each other.",
        model=Pair,
        build=build,
        slice=slice_,
        inputs=inputs,
        kinds=frozenset({"polars", "duckdb"}),
        plot=settings.rule if settings else None,
        columns=same(Pair, "pairs"),
    )
