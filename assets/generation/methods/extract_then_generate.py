"""Extract-then-generate: an instruction for a fragment of the document, with the document as the response.

Source: arXiv 2308.12711, section 3. The asset `fragments` holds the fragments; here the backward model writes an
instruction for each. Ours: the prompt and the sampling, which are those of instruction generation.

Worked example: the fragment "Pesto, sauce, Genoa" gives "What is Pesto?", whose response is the whole document.
"""

from __future__ import annotations

import polars as pl

from assets.generation.candidates import equal_at_zero
from assets.generation.method import Job, Method
from assets.generation.methods.instruction_generation import InstructionGeneration, Text, generate
from assets.prompting.pairs import pair_columns
from assets.recipe.types import Recipe
from assets.steps.names import BACKWARD_MODEL, DOCUMENTS, FRAGMENTS
from assets.steps.step import Most
from assets.training.checkpoint import written_by
from warehouse.results.result import Result


def make(
    job: Job[InstructionGeneration], fragments: pl.DataFrame, documents: pl.DataFrame, backward_model: pl.DataFrame
) -> Result:
    """Build the asset's rows."""
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
    return generate(texts, METHOD.name, job.settings, job.tuned(backward_model), job.writer, job.seed, job.rules)


def most(settings: InstructionGeneration, recipe: Recipe) -> Most:
    """One pair per fragment, and the calls of its candidates."""
    per_document = recipe.enhancement.fragments.per_document if recipe.enhancement.fragments else 0
    fragments = per_document * sum(selection.count for selection in recipe.documents)
    return Most(fragments, settings.most_calls(fragments), by_row=True)


METHOD = Method(
    name="extract_then_generate",
    description="Instructions that the backward model writes for fragments of human documents.",
    settings=InstructionGeneration,
    make=make,
    inputs=(FRAGMENTS, DOCUMENTS, BACKWARD_MODEL),
    columns=pair_columns(
        FRAGMENTS,
        DOCUMENTS,
        BACKWARD_MODEL,
        instruction=[(FRAGMENTS, "text"), *written_by(BACKWARD_MODEL)],
        response=[(DOCUMENTS, "text")],
        level=[(FRAGMENTS, "level")],
    ),
    most=most,
    faults=lambda settings: equal_at_zero(
        settings, settings.instruction, "generation.extract_then_generate.instruction"
    ),
    group="enhancement",
    shares_responses=True,
)
