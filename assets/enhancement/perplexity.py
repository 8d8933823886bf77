"""Instruction filtering: measure, by the model's own loss, how well a pair's instruction and response fit each other.

Source: arXiv 2308.12711, section 3, which publishes neither formula nor cut. Ours: perplexity = exp(mean token loss in
nats) of the response given the instruction, in the model's chat template; the share with the lowest is kept. Measuring
is expensive and gives one record per pair; deciding (filtering.py) is separate, so a new cut calls no model.

`ifd`, instruction-following difficulty, is that of arXiv 2308.12032, section 2.2: the mean token loss of the response
given the instruction, divided by that of the response alone, over the same tokens. As published, a ratio above 1 is
rejected, since the instruction then does not help, and of the others the highest are preferred. Ours: the generator
itself measures; the published model was first tuned on some of the pairs for a short time.

Worked example: perplexities 3, 5, 9 and 40 with keep 0.75 give the cut 9; the pair at 40 is rejected. A loss of 1.5
given the instruction and a loss of 3 alone are an IFD of 0.5.
"""

from __future__ import annotations

import math

import polars as pl

from assets.prompting.prompts import answer, instruction_for, with_input
from assets.recipe.types import PerplexityFilter, Recipe
from assets.steps import names
from assets.steps.step import Step, made
from resources.models.calls import Prompt, Reader, TokenLoss
from resources.tools.tools import Tools
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Perplexity

IFD = "ifd"
MOST_IFD = 1.0


def measured_text(measure: str, pair: dict[str, str]) -> tuple[Prompt, str]:
    """(the prompt, the text whose loss is measured)."""
    if measure == "response_given_instruction":
        return answer(pair["instruction"], pair["input"]), pair["response"]
    if measure == "response_alone":
        return Prompt(), pair["response"]
    return instruction_for(pair["response"]), with_input(pair["instruction"], pair["input"])


def measure(pairs: pl.DataFrame, name: str, reader: Reader) -> Result:
    """One record per pair (columns id, instruction, input, response) with its perplexity or IFD, null if it has none.

    A pair at which the model failed gets no record: a later build may measure it."""
    if name == IFD:
        return _ratios(pairs, reader)
    rows = pairs.to_dicts()
    gate = Gate(Perplexity, len(rows))
    for row, loss in zip(rows, reader.losses([measured_text(name, row) for row in rows]), strict=True):
        parents = [(row["id"], "measured"), (loss.call, "call")]
        content = {"pair": row["id"], "measure": name, "value": _perplexity(loss), "tokens": loss.tokens}
        if loss.error:
            gate.fail(content, loss.error, parents)
        else:
            gate.keep(content, parents)
    return gate.result()


def _perplexity(loss: TokenLoss) -> float | None:
    if loss.error or loss.refusal:
        return None
    try:
        return math.exp(loss.mean)
    except OverflowError:
        return None


def _ratios(pairs: pl.DataFrame, reader: Reader) -> Result:
    rows = pairs.to_dicts()
    gate = Gate(Perplexity, len(rows))
    conditions = ("response_given_instruction", "response_alone")
    losses = reader.losses([measured_text(name, row) for name in conditions for row in rows])
    for row, given, alone in zip(rows, losses[: len(rows)], losses[len(rows) :], strict=True):
        parents = [(row["id"], "measured"), (given.call, "call"), (alone.call, "call")]
        content = {"pair": row["id"], "measure": IFD, "value": _ratio(given, alone), "tokens": given.tokens}
        if error := given.error or alone.error:
            gate.fail(content, error, parents)
        else:
            gate.keep(content, parents)
    return gate.result()


def _ratio(given: TokenLoss, alone: TokenLoss) -> float | None:
    measured = not any(loss.error or loss.refusal for loss in (given, alone))
    return given.mean / alone.mean if measured and given.mean > 0 and alone.mean > 0 else None


def prefers_high(settings: PerplexityFilter) -> bool:
    """Whether the highest values are the best: what the recipe says, else true for ifd (as published) alone."""
    return settings.prefer == "high" or (settings.prefer is None and settings.measure == IFD)


def limits(settings: PerplexityFilter) -> tuple[float | None, float | None]:
    """(the lowest, the highest) value that may be kept, whatever the share; None for no limit."""
    published = MOST_IFD if settings.measure == IFD else None
    return settings.at_least, settings.at_most if settings.at_most is not None else published


def step(recipe: Recipe, settings: PerplexityFilter, method: str) -> Step:
    """The asset `perplexities/<method>`; its slice has no cut, since measuring does not depend on it."""
    model = recipe.generation.model

    def build(tools: Tools, pairs: pl.DataFrame) -> Result:
        return measure(pairs, settings.measure, tools.model(model))

    instruction, response = [("pairs", "instruction"), ("pairs", "input")], [("pairs", "response")]
    condition, measured = {
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
        plot="perplexities",
        columns=made(pair=[("pairs", "id")], measure=(), value=[*condition, *measured], tokens=measured),
    )
