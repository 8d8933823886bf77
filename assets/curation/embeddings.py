"""Sentence embeddings of instructions: one asset per method, and one for the benchmark items."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assets.prompting.answers import failed
from assets.prompting.prompts import with_input
from assets.recipe.types import Recipe
from assets.steps import names
from assets.steps.step import Step, made
from resources.models.calls import Vector
from resources.tools.tools import Tools
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Embedding


def embed(rows: pl.DataFrame, vectors: Sequence[Vector]) -> Result:
    """One embedding record per row, from the vectors of their instructions."""
    gate = Gate(Embedding, len(rows))
    for row, vector in zip(rows["id"], vectors, strict=True):
        content, parents = {"embedded": row, "vector": vector.values}, [(row, "embedded"), (vector.call, "call")]
        if not failed(gate, content, vector, parents):
            gate.keep(content, parents)
    return gate.result()


def vectors_of(column: pl.Series) -> NDArray[np.float32]:
    """One row per vector. Raises ValueError where they differ in length."""
    lengths = column.list.len().unique().to_list()
    if len(lengths) > 1:
        raise ValueError(f"embeddings of one model have one length; found {sorted(lengths)}")
    if not lengths:
        return np.empty((0, 0), dtype=np.float32)
    return column.list.to_array(lengths[0]).to_numpy().astype(np.float32, copy=False)


def step(recipe: Recipe, embedder: str, method: str) -> Step:
    """The asset `instruction_embeddings/<method>`."""
    asset, described = names.instruction_embeddings(method), f"Sentence embeddings of the instructions of {method}."
    return _step(recipe, embedder, asset, "pairs", names.raw(method), described)


def benchmarks_step(recipe: Recipe, embedder: str) -> Step:
    """The asset `benchmark_embeddings`."""
    described = "Sentence embeddings of the instructions of the benchmark items."
    return _step(recipe, embedder, names.BENCHMARK_EMBEDDINGS, "items", names.BENCHMARK_ITEMS, described)


def _step(recipe: Recipe, embedder: str, asset: str, role: str, source: str, described: str) -> Step:
    def build(tools: Tools, **frames: pl.DataFrame) -> Result:
        texts = [with_input(row["instruction"], row["input"]) for row in frames[role].iter_rows(named=True)]
        return embed(frames[role], tools.embed(embedder, texts))

    return Step(
        asset=asset,
        group="curation",
        description=described,
        model=Embedding,
        build=build,
        slice=recipe.slice("curation.diversity.embedder", f"models.{embedder}"),
        inputs={role: source},
        kinds=frozenset({"huggingface", "duckdb"}),
        columns=made(embedded=[(role, "id")], vector=[(role, "instruction"), (role, "input")]),
    )
