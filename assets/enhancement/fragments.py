"""Extract fragments from documents: the first half of extract-then-generate (arXiv 2308.12711, section 3).

A fragment has one of three levels: keywords of the document, a random sentence of it (both in
assets/prompting/extracts.py), or what a model extracts from it.

Worked example: "Pesto is a sauce. It comes from Genoa." gives "Pesto, sauce, Genoa" (keywords), "It comes from
Genoa." (sentence) or a model's extraction.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from assets.prompting.answers import unanswered
from assets.prompting.extracts import keywords, random_sentence
from assets.prompting.prompts import extraction
from assets.prompting.unwrapping import unwrapped_answer
from assets.recipe.filters import Fragments
from assets.recipe.types import Recipe
from assets.recipe.values import Level
from assets.steps import names
from assets.steps.step import Most, Step, made
from resources.models.calls import Completion, Sampling, Writer
from resources.tools.tools import Tools
from warehouse.core.identity import row_seed
from warehouse.core.texts import has_word, on_one_line
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Fragment


def levels_of(document: str, settings: Fragments, seed: int) -> list[Level]:
    """The levels of a document's fragments, chosen by a hash of its id and the seed."""
    ranked = sorted(settings.levels, key=lambda level: row_seed(seed, "level", document, level))
    return ranked[: settings.per_document]


def extract(documents: pl.DataFrame, settings: Fragments, writer: Writer, seed: int) -> Result:
    """One fragment per document (columns id, text) and chosen level, each with a decision."""
    wanted = [
        (row["id"], row["text"], level)
        for row in documents.iter_rows(named=True)
        for level in levels_of(row["id"], settings, seed)
    ]
    gate = Gate(Fragment, len(wanted))
    read_by_model = [text for _, text, level in wanted if level == "model"]
    extracted = iter(_extracted(read_by_model, settings, writer, seed) if read_by_model else ())
    for document, text, level in wanted:
        completion: Completion | None = next(extracted) if level == "model" else None
        if completion is not None:
            # An extraction that was cut off is still a fragment of the document.
            fragment = on_one_line(unwrapped_answer(completion.text))
        elif level == "sentence":
            fragment = random_sentence(text, row_seed(seed, "sentence", document))
        else:
            fragment = keywords(text, settings.keywords, settings.phrase_words)
        row = {"document": document, "level": level, "text": fragment}
        parents = [(document, "document"), *([(completion.call, "call")] if completion else [])]
        if completion and unanswered(gate, row, completion, parents):
            continue
        if not has_word(fragment):
            gate.reject(row, "nothing extracted", parents)
        else:
            gate.keep(row, parents)
    return gate.result()


def _extracted(texts: Sequence[str], settings: Fragments, writer: Writer, seed: int) -> list[Completion]:
    assert settings.extraction is not None  # assets/loading/rules.py checks this
    prompts = [extraction(text, row_seed(seed, "extraction", text)) for text in texts]
    return writer.complete(prompts, Sampling(**settings.extraction.model_dump()))


def step(recipe: Recipe, settings: Fragments) -> Step:
    """The asset `fragments`."""
    model, seed = recipe.generation.model, recipe.seed
    documents_at_most = sum(selection.count for selection in recipe.documents)

    def build(tools: Tools, documents: pl.DataFrame) -> Result:
        return extract(documents, settings, tools.model(model), seed)

    return Step(
        asset=names.FRAGMENTS,
        group="enhancement",
        description="Fragments of each document: keywords, a random sentence, or a model's extraction.",
        model=Fragment,
        build=build,
        slice=recipe.slice("seed", "generation.model", f"models.{model}", "enhancement.fragments"),
        inputs={"documents": names.DOCUMENTS},
        kinds=frozenset({"transformers", "duckdb"}),
        most=Most(
            rows=documents_at_most * settings.per_document, calls=documents_at_most if "model" in settings.levels else 0
        ),
        # The document's id decides the levels, and which sentence is taken.
        columns=made(
            document=[("documents", "id")],
            level=[("documents", "id")],
            text=[("documents", "id"), ("documents", "text")],
        ),
    )
