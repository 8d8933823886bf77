"""Diversity: where the instructions of pairs are alike, one of the rules in the folder rules drops some of them.

The better pair is kept where the rule uses quality: what the perplexity filter prefers if the arm has it, else what
the alignment filter prefers, else the pair that was made first (ours).
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from assets.curation import neighbours
from assets.curation.rule import Rule
from assets.enhancement.measuring import prefers_high
from assets.recipe.types import Arm, Diversity, Recipe
from assets.steps import names
from assets.steps.discovery import declared
from assets.steps.step import Build, Step, same
from resources.tools.tools import Tools
from warehouse.results.result import Result
from warehouse.results.selection import Selection
from warehouse.schema.records import Pair

RULES: Mapping[str, Rule] = declared("assets.curation.rules", "RULE")
"""All diversity rules by name: every file of the folder rules declares one."""


def pass_on(tools: Tools, pairs: pl.DataFrame) -> Result:
    """Keep every pair: what an arm without the diversity filter does."""
    selection = Selection(Pair, pairs)
    for place in range(len(pairs)):
        selection.keep(place)
    return selection.result()


def comparing(recipe: Recipe, name: str, arm: Arm) -> list[Step]:
    """The asset `instruction_neighbours/<arm>`, where the rule of the arm reads it."""
    settings = recipe.curation.diversity if "diversity" in arm.filters else None
    if settings is None or not (rule := RULES[settings.rule]).compared:
        return []
    return [neighbours.step(recipe, name, arm, rule.values(settings)["floor"])]


def step(recipe: Recipe, name: str, arm: Arm) -> Step:
    """The asset `diverse_instructions/<arm>`; without the diversity filter it keeps every pair."""
    settings = recipe.curation.diversity if "diversity" in arm.filters else None
    perplexity = recipe.enhancement.perplexity if "perplexity" in arm.filters else None
    quality = perplexity or recipe.alignment(name)
    inputs = {"pairs": names.enhanced_instructions(name)}
    slice_ = recipe.slice(f"arms.{name}.methods") | recipe.filters(name, "diversity")
    build: Build = pass_on
    if settings:
        rule, high = RULES[settings.rule], quality is not None and prefers_high(quality)
        build = rule.builder(settings, high, recipe.seed, quality.measure if quality else None)
        slice_ |= recipe.filters(name, "diversity", "perplexity", "alignment")
        slice_ |= recipe.slice(*(f"curation.diversity.{key}" for key in rule.keys))
        if settings.rule != Diversity().rule:
            slice_ |= recipe.slice("curation.diversity.rule")
        if rule.seeded:
            slice_ |= recipe.slice("seed")
        if rule.compared:
            inputs["neighbours"] = names.neighbours(name)
        elif rule.embeds:
            inputs |= {f"embeddings_{method}": names.instruction_embeddings(method) for method in arm.methods}
        if perplexity:
            inputs |= {f"perplexities_{method}": names.perplexities(method) for method in arm.methods}
        elif quality:
            inputs |= {f"alignments_{method}": names.alignments(method) for method in arm.methods}
            slice_ |= {"enhancement.alignment.measure": quality.measure}
        if high:
            slice_ |= {f"enhancement.{'perplexity' if perplexity else 'alignment'}.prefer": "high"}
    return Step(
        asset=names.diverse_instructions(name),
        group="curation",
        description=f"The pairs of {name!r} whose instructions differ enough from each other.",
        model=Pair,
        build=build,
        slice=slice_,
        inputs=inputs,
        kinds=frozenset({"polars", "duckdb"}),
        plot=settings.rule if settings else None,
        columns=same(Pair, "pairs"),
        remedies={"": "curation.diversity"},
    )
