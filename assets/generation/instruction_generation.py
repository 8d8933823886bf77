"""Instruction generation: the backward model writes the instruction that human text answers.

Source: arXiv 2308.12711, section 2. The response stays human, which is why it beats self-training there. With a
fragment in the document's place it is the second half of extract-then-generate: the instruction is written
for the fragment, and the response is still the whole document.

Worked example: "Pesto is a sauce from Genoa …" gives ("What is Pesto?", "Pesto is a sauce from Genoa …").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from assets.generation.answers import unanswered
from assets.generation.parsing import instruction_of
from assets.generation.prompts import instruction_for
from assets.recipe import InstructionGeneration, Recipe
from assets.step import Step, made
from assets.training.checkpoint import adapter_of, written_by
from resources.calls import Sampling, Writer
from resources.tools import Tools
from warehouse.identity import Parent, row_seed
from warehouse.records import Pair
from warehouse.result import Gate, Result


@dataclass(frozen=True)
class Text:
    """What an instruction is written for: the text shown to the model, and the response of the pair."""

    shown: str
    response: str
    parents: tuple[Parent, ...]
    level: str = ""


def generate(texts: Sequence[Text], method: str, settings: InstructionGeneration, writer: Writer, seed: int) -> Result:
    """One pair per text, with the instruction that `writer` (the backward model) gives for it."""
    gate = Gate(Pair, len(texts))
    prompts = [instruction_for(text.shown, row_seed(seed, method, text.shown)) for text in texts]
    sampling = Sampling(**settings.instruction.model_dump(), stop=("\n",))
    for text, completion in zip(texts, writer.complete(prompts, sampling), strict=True):
        row = {
            "method": method,
            "level": text.level,
            "instruction": instruction_of(completion.text),
            "input": "",
            "response": text.response,
        }
        parents = (*text.parents, (completion.call, "call"))
        if unanswered(gate, row, completion, parents):
            continue
        if not row["instruction"]:
            gate.reject(row, "no instruction", parents)
        elif not completion.complete:
            gate.reject(row, "instruction cut off", parents)
        else:
            gate.keep(row, parents)
    return gate.result()


METHOD = "instruction_generation"


def step(recipe: Recipe, settings: InstructionGeneration) -> Step:
    """The asset `raw_instruction_generation`."""
    model, seed = recipe.generation.model, recipe.seed

    def build(tools: Tools, documents: pl.DataFrame, backward_model: pl.DataFrame) -> Result:
        made_by = (str(backward_model["id"][0]), "backward_model")
        texts = [
            Text(row["text"], row["text"], ((row["id"], "document"), made_by))
            for row in documents.iter_rows(named=True)
        ]
        return generate(texts, METHOD, settings, tools.model(model, adapter_of(backward_model)), seed)

    return Step(
        asset="raw_instruction_generation",
        group="generation",
        description="Instructions that the backward model writes for human documents.",
        model=Pair,
        build=build,
        slice=recipe.slice("seed", "generation.model", f"models.{model}", "generation.instruction_generation"),
        inputs={"documents": "documents", "backward_model": "backward_model"},
        kinds=frozenset({"transformers", "duckdb"}),
        columns=made(
            "documents",
            "backward_model",
            method=(),
            level=(),
            instruction=[("documents", "text"), *written_by("backward_model")],
            input=(),
            response=[("documents", "text")],
        ),
    )
