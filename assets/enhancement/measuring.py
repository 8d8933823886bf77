"""Instruction filtering: measure how well a pair's instruction and response fit each other.

Source: arXiv 2308.12711, section 3, which publishes neither formula nor cut. The measures are in
assets/prompting/alignment.py. Ours: of the pairs, the share at the better end is kept. Measuring is expensive and gives
one record per pair and measure; deciding (filtering.py) is separate, so a new cut calls no model.

With `ifd` (arXiv 2308.12032) a ratio above 1 is rejected as published, since the instruction then does not help, and of
the others the highest are preferred. Ours: the generator itself measures; the published model was first tuned on some
of the pairs for a short time.

Worked example: perplexities 3, 5, 9 and 40 with keep 0.75 give the cut 9; the pair at 40 is rejected.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from assets.prompting import alignment
from assets.prompting.alignment import IFD, SIMILARITY, Embed, measured, reads_model
from assets.recipe.filters import AlignmentFilter, PerplexityFilter
from assets.recipe.types import Recipe
from assets.steps import names
from assets.steps.step import Step, made
from resources.models.calls import Reader, Vector
from resources.tools.tools import Tools
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Alignment, Perplexity, Record

MeasureFilter = PerplexityFilter | AlignmentFilter

MOST_IFD = 1.0


def measure(
    pairs: pl.DataFrame, measures: Sequence[str], reader: Reader, embed: Embed, model: type[Record] = Perplexity
) -> Result:
    """One record of `model` per pair (columns id, instruction, input, response) and measure.

    Its value is null where the pair can never have one. A pair at which a model failed gets no record: a later build
    may measure it."""
    rows = pairs.to_dicts()
    gate = Gate(model, len(rows) * len(measures))
    for name in measures:
        for row, one in zip(rows, measured(name, rows, reader, embed), strict=True):
            parents = [(row["id"], "measured"), *((call, "call") for call in one.calls)]
            content = {"pair": row["id"], "measure": name, "value": one.value, "tokens": one.tokens}
            if one.error:
                gate.fail(content, one.error, parents)
            else:
                gate.keep(content, parents)
    return gate.result()


def prefers_high(settings: MeasureFilter) -> bool:
    """Whether the highest values are the best: what the recipe says, else what the measure means."""
    return alignment.prefers_high(settings.measure) if settings.prefer is None else settings.prefer == "high"


def limits(settings: MeasureFilter) -> tuple[float | None, float | None]:
    """(the lowest, the highest) value that may be kept, whatever the share; None for no limit."""
    published = MOST_IFD if settings.measure == IFD else None
    return settings.at_least, settings.at_most if settings.at_most is not None else published


def label(settings: MeasureFilter) -> str:
    """The name of what was measured, which is the reason of a rejection."""
    if settings.measure == IFD:
        return "IFD"
    return "perplexity" if isinstance(settings, PerplexityFilter) else settings.measure.replace("_", " ")


def perplexity_step(recipe: Recipe, settings: PerplexityFilter, method: str) -> Step:
    """The asset `perplexities/<method>`; its slice has no cut, since measuring does not depend on it."""
    model = recipe.generation.model

    def build(tools: Tools, pairs: pl.DataFrame) -> Result:
        return measure(pairs, [settings.measure], tools.model(model), _no_embedder)

    instruction, response = [("pairs", "instruction"), ("pairs", "input")], [("pairs", "response")]
    condition, text = {
        "response_given_instruction": (instruction, response),
        "response_alone": ([], response),
        "instruction_given_response": (response, instruction),
        IFD: (instruction, response),
    }[settings.measure]
    return Step(
        asset=names.perplexities(method),
        group="enhancement",
        description=f"How surprised the model is by each pair of {method}.",
        model=Perplexity,
        build=build,
        slice=recipe.slice("generation.model", f"models.{model}", "enhancement.perplexity.measure"),
        inputs={"pairs": names.raw(method)},
        kinds=frozenset({"transformers", "duckdb"}),
        plot="measures",
        columns=made(pair=[("pairs", "id")], measure=(), value=[*condition, *text], tokens=text),
    )


def alignment_step(recipe: Recipe, method: str) -> Step | None:
    """The asset `alignments/<method>`, with every measure that an arm of the method filters by; None if none does."""
    filters = [recipe.alignment(name) for name, arm in recipe.arms.items() if method in arm.methods]
    used = [settings for settings in filters if settings]
    if not used:
        return None
    measures = sorted({settings.measure for settings in used})
    model = recipe.generation.model
    embedder = next((settings.embedder for settings in used if settings.embedder), None)

    def build(tools: Tools, pairs: pl.DataFrame) -> Result:
        embed = _no_embedder if embedder is None else lambda texts: tools.embed(embedder, texts)
        return measure(pairs, measures, tools.model(model), embed, Alignment)

    slice_: dict[str, Any] = {"measures": list(measures)}
    if any(map(reads_model, measures)):
        slice_ |= recipe.slice("generation.model", f"models.{model}")
    if SIMILARITY in measures:
        slice_ |= {"embedder": embedder, **recipe.slice(f"models.{embedder}")}
    texts = [("pairs", column) for column in ("instruction", "input", "response")]
    return Step(
        asset=names.alignments(method),
        group="enhancement",
        description=f"How well the instruction and the response of each pair of {method} belong together.",
        model=Alignment,
        build=build,
        slice=slice_,
        inputs={"pairs": names.raw(method)},
        kinds=frozenset({"transformers", "duckdb"}),
        plot="measures",
        columns=made(pair=[("pairs", "id")], measure=(), value=texts, tokens=texts),
    )


def _no_embedder(texts: Sequence[str]) -> list[Vector]:
    raise AssertionError("no measure of this step embeds")
