"""The recipe's types for cutting documents into fragments and for filtering pairs.

Where the paper (arXiv 2308.12711) does not give a number, the default is our choice, and the docstring says so.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from assets.recipe.parts import Part, SamplingPart
from assets.recipe.values import (
    LEVELS,
    AlignmentMeasure,
    Count,
    Language,
    Levels,
    Name,
    Pattern,
    PerplexityMeasure,
    PersonalData,
    Probability,
    Words,
    distinct,
)


class Fragments(Part):
    """The extraction levels in use; each document gets `per_document` of them, chosen by hash.

    The level keywords takes `keywords` phrases of at most `phrase_words` words. Only the level model uses
    `extraction`, and requires it."""

    levels: Levels = LEVELS
    per_document: Count = 1
    keywords: Count = 5
    phrase_words: Count = 2
    extraction: SamplingPart | None = None


class EqualResponses(Part):
    """Of pairs with an equal response of more than `words` words, `most` are kept; a large `most` keeps all."""

    most: Count = 1
    words: Annotated[int, Field(ge=0, strict=True)] = 5


class Heuristics(Part):
    """Rules that need no model. All are ours, in addition to the published rules of each method.

    `instruction_words` and `response_words` are (least, most), `input_words` is the most. `unwanted` has regular
    expressions by name; a pair is rejected if one is found in its instruction or response. Each list replaces that of
    the same name in assets/prompting/unwanted.py, and [] switches it off. With `languages`, a pair is rejected if its
    instruction or its response is in another language, with `personal_data` if one of its texts has such data."""

    instruction_words: Words = (3, 60)
    response_words: Words = (5, 400)
    input_words: Count | None = None
    most_repeated_line: Probability = 0.5
    copied_words: Probability = 0.9
    unwanted: dict[Name, tuple[Pattern, ...]] | None = None
    # A slice leaves it out at its default, so that the key alone makes nothing stale.
    equal_responses: Annotated[EqualResponses, Field(exclude_if=lambda value: value == EqualResponses())] = (
        EqualResponses()
    )
    languages: Annotated[tuple[Language, ...], AfterValidator(distinct), Field(exclude_if=lambda value: not value)] = ()
    personal_data: Annotated[
        tuple[PersonalData, ...], AfterValidator(distinct), Field(exclude_if=lambda value: not value)
    ] = ()


class PerplexityFilter(Part):
    """Instruction filtering by the model's own perplexity, or by IFD (see assets/prompting/alignment.py).

    The paper gives neither formula nor cut. We use the perplexity of the response given the instruction, and of the
    pairs between `at_least` and `at_most` we keep the share `keep` at the preferred end. By default ifd prefers high
    values and its `at_most` is 1, both as published; perplexities prefer low values.
    """

    measure: PerplexityMeasure = "response_given_instruction"
    keep: Probability | None = None
    prefer: Literal["low", "high"] | None = None
    at_most: Annotated[float, Field(gt=0)] | None = None
    at_least: Annotated[float, Field(gt=0)] | None = None


class AlignmentFilter(Part):
    """Filtering by how well instruction and response belong together (see assets/prompting/alignment.py). All is ours.

    By default the gain: how much the instruction helps to predict the response, in nats per token. The other keys are
    those of the perplexity filter. gain, similarity and random prefer high values. Only similarity uses an `embedder`,
    which is that of curation.diversity unless it is given here."""

    measure: AlignmentMeasure = "gain"
    keep: Probability | None = None
    prefer: Literal["low", "high"] | None = None
    at_most: Annotated[float, Field(allow_inf_nan=False)] | None = None
    at_least: Annotated[float, Field(allow_inf_nan=False)] | None = None
    embedder: str | None = None
