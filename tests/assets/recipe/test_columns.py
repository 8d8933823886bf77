"""The columns that are read decide what a row is, and so its slice. If two roles read one source in different ways,
they may share rows; if a step does not know what the other roles read, it keeps rows of the wrong slices."""

from __future__ import annotations

from typing import Any

import pytest

from assets.recipe.columns import Shared, role_slice, shared
from assets.recipe.selections import DocumentSelection, Join, SeedSelection
from assets.sources import benchmark_items, documents, seed_tasks
from tests.support.recipes import parsed, put, starter

JOIN = {"parent": "up.id", "id": "id"}


def seeds(**keys: Any) -> SeedSelection:
    fields = {"instruction": "{q}", "response": "{a.0}"}
    return SeedSelection.model_validate({"source": "mine", "count": 1, "fields": fields} | keys)


@pytest.mark.parametrize(
    ("keys", "columns"),
    [
        ({}, ("a", "q")),
        ({"fields": {"instruction": ["{q}", '{"a.b"?} {{x}}'], "response": "constant"}}, ("a.b", "q")),
        ({"where": {"lang": "en", "meta.score": 4}}, ("a", "lang", "meta", "q")),
        ({"each": "data.turns[from=human]", "where": {"[next].from": "gpt"}}, ("a", "data", "q", "turns")),
        (
            {"join": JOIN, "fields": {"instruction": "{parent.parent.text}", "response": "{parent?} {b}"}},
            ("b", "id", "parent", "text", "up"),
        ),
        ({"fields": {"instruction": "{parent.text}", "response": "{a}"}}, ("a", "parent")),
    ],
)
def test_the_columns_of_a_selection_are_the_first_names_of_its_paths(
    keys: dict[str, Any], columns: tuple[str, ...]
) -> None:
    assert shared([seeds(**keys)], "mine").columns == columns


def test_all_selections_of_a_source_read_the_same_columns_and_join() -> None:
    texts = DocumentSelection.model_validate({"source": "mine", "count": 1, "fields": {"text": "{text}"}})
    others = seeds(source="other", where={"x": 1})
    joined = seeds(join=JOIN, fields={"instruction": "{parent.text}", "response": "{text}"})
    assert shared([seeds(), texts, others], "mine") == Shared(("a", "q", "text"))
    assert shared([texts, joined, others], "mine") == Shared(("id", "text", "up"), Join(parent="up.id", id="id"))
    whole = seeds(fields={"instruction": "{q}", "response": "{*:json}"})
    assert shared([texts, whole], "mine") == Shared(None)


def slices(recipe: dict[str, Any]) -> list[dict[str, Any]]:
    loaded = parsed(recipe)
    return [dict(role.step(loaded).slice) for role in (benchmark_items, seed_tasks, documents)]


def test_a_step_depends_on_the_columns_that_other_roles_read() -> None:
    edited = put(starter(), "documents.0.where", {"url": {"present": True}})
    before, after = slices(starter()), slices(edited)
    assert before[0]["columns.wikipedia_leads"] == ["description", "extract", "title"]
    assert [one["columns.wikipedia_leads"] for one in after] == [["description", "extract", "title", "url"]] * 3
    assert [before[0].keys(), before[1].keys()] == [after[0].keys(), after[1].keys()]
    assert before[0]["columns.wikibooks_recipes"] == after[0]["columns.wikibooks_recipes"] == ["steps", "title"]


def test_a_step_depends_on_the_join_of_another_role() -> None:
    joined = {**starter()["documents"][0], "join": JOIN, "fields": {"text": "{parent.extract}"}}
    assert [one.get("join.wikipedia_leads") for one in slices(put(starter(), "documents.0", joined))] == [JOIN] * 3


def test_keys_that_are_not_set_are_in_no_slice() -> None:
    for selection in role_slice(parsed(starter()), "seed_tasks")["seed_tasks"]:
        assert selection.keys() == {"source", "slice", "count", "words", "fields"}
