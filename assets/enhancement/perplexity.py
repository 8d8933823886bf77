"""Instruction filtering: drop the pairs that the model's own perplexity finds misaligned.

Source: arXiv 2308.12711, section 3, which publishes neither formula nor cut. Ours: perplexity = exp(mean token loss
in nats) of the response given the instruction, in the model's chat template, and the share with the lowest is
kept. Measuring (dear, one record per pair) is apart from deciding (free): a new cut computes nothing.

Worked example: perplexities 3, 5, 9 and 40 with keep 0.75 give the cut 9; the pair at 40 is rejected.
"""

from __future__ import annotations

import math

import polars as pl

from assets.generation.answers import unanswered
from assets.generation.prompts import answer, instruction_for, with_input
from assets.recipe import PerplexityFilter, Recipe
from assets.step import Step, made
from resources.calls import Prompt, Reader
from resources.tools import Tools
from warehouse.records import Perplexity
from warehouse.result import Gate, Result


def measured_text(measure: str, pair: dict[str, str]) -> tuple[Prompt, str]:
    """(what the model is given, the text whose loss counts)."""
    if measure == "response_given_instruction":
        return answer(pair["instruction"], pair["input"]), pair["response"]
    if measure == "response_alone":
        return Prompt(), pair["response"]
    return instruction_for(pair["response"]), with_input(pair["instruction"], pair["input"])


def measure(pairs: pl.DataFrame, name: str, reader: Reader) -> Result:
    """One record per pair (columns id, instruction, input, response) with its perplexity."""
    rows = pairs.to_dicts()
    gate = Gate(Perplexity, len(rows))
    for row, loss in zip(rows, reader.losses([measured_text(name, row) for row in rows]), strict=True):
        parents = [(row["id"], "measured"), (loss.call, "call")]
        content = {"pair": row["id"], "measure": name, "perplexity": None, "tokens": loss.tokens}
        if not unanswered(gate, content, loss, parents):
            gate.keep(content | {"perplexity": math.exp(loss.mean)}, parents)
    return gate.result()


def cut_for(perplexities: pl.Series, keep: float) -> float:
    """The highest perplexity that is still kept, when the share `keep` with the lowest is (at least one)."""
    # A float product of 0.29 and 100 is a hair below 29.
    kept = max(1, math.floor(round(keep * len(perplexities), 9)))
    return float(perplexities.sort()[kept - 1])


def step(recipe: Recipe, settings: PerplexityFilter, method: str) -> Step:
    """The asset `perplexities/<method>`; its slice leaves the cut out, since measuring does not depend on it."""
    model = recipe.generation.model

    def build(tools: Tools, pairs: pl.DataFrame) -> Result:
        return measure(pairs, settings.measure, tools.model(model))

    asked, answered = [("pairs", "instruction"), ("pairs", "input")], [("pairs", "response")]
    given, counted = {
        "response_given_instruction": (asked, answered),
        "response_alone": ([], answered),
        "instruction_given_response": (answered, asked),
    }[settings.measure]
    return Step(
        asset=f"perplexities/{method}",
        group="enhancement",
        description=f"How surprised the model is by each pair of {method}.",
        model=Perplexity,
        build=build,
        slice=recipe.slice("generation.model", f"models.{model}", "enhancement.perplexity.measure"),
        inputs={"pairs": f"raw_{method}"},
        kinds=frozenset({"transformers", "duckdb"}),
        plot="perplexities",
        columns=made(pair=[("pairs", "id")], measure=(), perplexity=[*given, *counted], tokens=counted),
    )
