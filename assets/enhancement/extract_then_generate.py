"""Extract-then-generate: an instruction for a fragment of the document, with the document as the response.

Source: arXiv 2308.12711, section 3. The fragments are an asset of their own; here the backward model writes the
instruction for each.

Worked example: the fragment "Pesto, sauce, Genoa" gives "What is Pesto?", whose response is the whole document.
"""

from __future__ import annotations

import polars as pl

from assets.generation.instruction_generation import Text, generate
from assets.recipe import InstructionGeneration, Recipe
from assets.step import Most, Step, made
from assets.training.checkpoint import adapter_of, written_by
from resources.tools import Tools
from warehouse.records import Pair
from warehouse.result import Result

METHOD = "extract_then_generate"


def step(recipe: Recipe, settings: InstructionGeneration) -> Step:
    """The asset `raw_extract_then_generate`."""
    model, seed = recipe.generation.model, recipe.seed
    per_document = recipe.enhancement.fragments.per_document if recipe.enhancement.fragments else 0
    fragments_at_most = per_document * sum(selection.count for selection in recipe.documents)

    def build(tools: Tools, fragments: pl.DataFrame, documents: pl.DataFrame, backward_model: pl.DataFrame) -> Result:
        response = dict(zip(documents["id"], documents["text"], strict=True))
        made_by = (str(backward_model["id"][0]), "backward_model")
        texts = [
            Text(
                shown=row["text"],
                response=response[row["document"]],
                parents=((row["id"], "fragment"), (row["document"], "document"), made_by),
                level=row["level"],
            )
            for row in fragments.iter_rows(named=True)
        ]
        return generate(texts, METHOD, settings, tools.model(model, adapter_of(backward_model)), seed)

    return Step(
        asset="raw_extract_then_generate",
        group="enhancement",
        description="Instructions that the backward model writes for fragments of human documents.",
        model=Pair,
        build=build,
        slice=recipe.slice("seed", "generation.model", f"models.{model}", "generation.extract_then_generate"),
        inputs={"fragments": "fragments", "documents": "documents", "backward_model": "backward_model"},
        kinds=frozenset({"transformers", "duckdb"}),
        most=Most(rows=fragments_at_most, calls=fragments_at_most),
        columns=made(
            "fragments",
            "documents",
            "backward_model",
            method=(),
            level=[("fragments", "level")],
            instruction=[("fragments", "text"), *written_by("backward_model")],
            input=(),
            response=[("documents", "text")],
        ),
    )
