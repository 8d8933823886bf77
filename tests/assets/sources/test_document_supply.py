"""A method that draws more documents must begin with those that all methods have, and go on with the rows that come
next: in the order of their hashes, with the same share of every selection, none of them twice."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from assets.recipe.types import Recipe
from assets.sources import document_supply, documents
from tests.support.recipes import parsed, starter
from warehouse.core.identity import digest
from warehouse.lineage.withdrawals import NONE
from warehouse.results.checks import checked
from warehouse.results.result import Result

ITEM = "A sauce of basil and olive oil, from Genoa."
ITEMS = pl.DataFrame(
    [(digest("item"), "longform", "Tell me about pesto.", "", ITEM, "")],
    schema=["id", "benchmark", "instruction", "input", "reference", "details"],
    orient="row",
)
SOURCES = ("wikibooks_recipes", "wikipedia_leads")


@pytest.fixture
def tools(tmp_path: Path) -> Any:
    """The tools of a step, with a small file for each of the two sources."""
    for source in SOURCES:
        texts = [*(f"{source} {number} has five words" for number in range(9)), ITEM, "too short"]
        lines = [json.dumps({"title": str(number), "extract": text}) for number, text in enumerate(texts)]
        (tmp_path / f"{source}.jsonl").write_text("\n".join([*lines, lines[0]]))
    return SimpleNamespace(
        source_file=lambda name: (digest(name), tmp_path / f"{name}.jsonl"),
        withdrawals=lambda: NONE,
        refuse_withdrawn=lambda paths: None,
    )


def recipe(*counts: int) -> Recipe:
    """The starter with `counts` documents of each of the two sources, from the first four fifths of it."""
    values = starter()
    fields = {"title": "{title}", "text": "{extract}"}
    values["documents"] = [
        {"source": source, "slice": [0, 80], "count": count, "words": [3, 9], "fields": fields}
        for source, count in zip(SOURCES, counts, strict=False)
    ]
    values["seed_tasks"] = [one | {"slice": [80, 90]} for one in values["seed_tasks"]]
    values["benchmark_items"] = [one | {"slice": [90, 100]} for one in values["benchmark_items"]]
    return parsed(values)


def build(tools: Any, recipe: Recipe, most: int) -> tuple[Result, Result]:
    """(documents, supply)"""
    first = documents.step(recipe).run(tools, {"benchmark_items": ITEMS})
    step = document_supply.step(recipe, most, "generation.m.at_most")
    return first, checked(step.run(tools, {"benchmark_items": ITEMS}))


def test_it_begins_with_the_documents_and_goes_on_by_rounds_of_the_same_shares(tools: Any) -> None:
    first, found = build(tools, recipe(2, 1), 99)
    assert found.kept[:3].equals(first.kept)
    recipes, leads = SOURCES
    # Where a selection has no row left, the other goes on alone.
    assert found.kept["source"].to_list() == [recipes, recipes, leads] * 4 + [leads] * 4
    assert found.kept["id"].n_unique() == len(found.kept)


def test_more_documents_are_those_that_a_larger_count_samples(tools: Any) -> None:
    _, found = build(tools, recipe(2), 6)
    larger, _ = build(tools, recipe(6), 6)
    assert found.kept.equals(larger.kept)
    _, shorter = build(tools, recipe(2), 3)
    assert shorter.kept.equals(found.kept[:3])


def test_it_has_every_document_that_may_be_sampled_and_no_other_row(tools: Any) -> None:
    first, found = build(tools, recipe(1, 1), 99)
    sampled = first.decisions.filter(pl.col("reason").is_null() | (pl.col("reason") == "not sampled"))["record"]
    # Each of the two files has its first row twice, of which the second is a duplicate or outside the slice.
    texts = {json.loads(text)["text"] for row, text in first.dropped.iter_rows() if row in set(sampled)} | {
        *first.kept["text"]
    }
    assert set(found.kept["text"]) == texts
    assert len(found.kept) == len(texts)
    assert set(found.kept["id"]) <= set(sampled)
    assert ITEM not in found.kept["text"]


def test_what_is_beyond_at_most_is_on_record(tools: Any) -> None:
    _, found = build(tools, recipe(2, 1), 5)
    assert found.counts()[("kept", "")] == 5
    assert found.counts()[("rejected", "beyond at_most")] == found.rows - 5
    assert [check.passed for check in found.checks] == [True, True]
    assert dict(zip(found.edges["child"], found.edges["parent"], strict=True)).items() >= {
        (row, digest(source)) for row, source in zip(found.kept["id"], found.kept["source"], strict=True)
    }
