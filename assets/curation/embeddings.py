"""Sentence embeddings of instructions, one asset per method, for the diversity filter."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from assets.generation.answers import unanswered
from assets.generation.prompts import with_input
from assets.recipe import Diversity, Recipe
from assets.step import Step, made
from resources.calls import Vector
from resources.tools import Tools
from warehouse.records import Embedding
from warehouse.result import Gate, Result


def embed(pairs: pl.DataFrame, vectors: Sequence[Vector]) -> Result:
    """One embedding record per pair, from the vectors of their instructions."""
    gate = Gate(Embedding, len(pairs))
    for pair, vector in zip(pairs["id"], vectors, strict=True):
        content, parents = {"pair": pair, "vector": vector.values}, [(pair, "embedded"), (vector.call, "call")]
        if not unanswered(gate, content, vector, parents):
            gate.keep(content, parents)
    return gate.result()


def step(recipe: Recipe, settings: Diversity, method: str) -> Step:
    """The asset `instruction_embeddings/<method>`."""
    embedder = settings.embedder

    def build(tools: Tools, pairs: pl.DataFrame) -> Result:
        texts = [with_input(row["instruction"], row["input"]) for row in pairs.iter_rows(named=True)]
        return embed(pairs, tools.embed(embedder, texts))

    return Step(
        asset=f"instruction_embeddings/{method}",
        group="curation",
        description=f"Sentence embeddings of the instructions of {method}.",
        model=Embedding,
        build=build,
        slice=recipe.slice("curation.diversity.embedder", f"models.{embedder}"),
        inputs={"pairs": f"raw_{method}"},
        kinds=frozenset({"huggingface", "duckdb"}),
        columns=made(pair=[("pairs", "id")], vector=[("pairs", "instruction"), ("pairs", "input")]),
    )
