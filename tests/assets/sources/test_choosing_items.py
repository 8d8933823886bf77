"""One row may hold many questions, and one pair may lie in two rows. The tests state what comes of nested and of joined
rows, and what becomes of every other row."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assets.recipe.columns import Shared, shared
from assets.recipe.selections import DocumentSelection, Join, SeedSelection
from tests.support.choosing import (
    Chosen,
    Row,
    left_out,
    pairs,
    selected,
    turns,
)
from warehouse.results.result import Result

NESTED = {
    "version": "1",
    "data": [
        {
            "title": "Tea",
            "id": "article",
            "paragraphs": [
                {
                    "context": "Tea is a plant.",
                    "qas": [
                        {"question": "What is tea?", "id": "q1", "answers": [{"text": "A plant."}]},
                        {"question": "Is it green?", "answers": []},
                    ],
                },
                {"context": "Tea is hot.", "qas": [{"question": "How is tea?", "answers": [{"text": "Hot."}]}]},
            ],
        },
        {"title": "Soup", "id": "empty", "paragraphs": [{"context": "Soup.", "qas": []}]},
        {"title": "Jam", "id": "odd", "paragraphs": "none"},
    ],
}
QA = {"instruction": "{question}", "input": "{title}: {context}", "response": "{answers.0.text}"}


@pytest.mark.parametrize("each", ["data.paragraphs.qas", "paragraphs.qas"])
def test_each_makes_a_row_of_every_question_of_every_paragraph(tmp_path: Path, each: str) -> None:
    (tmp_path / "a.json").write_text(json.dumps(NESTED))
    result = selected(tmp_path / "a.json", count=2, each=each, fields=QA)
    assert set(result.kept.select("instruction", "input", "response").rows()) == {
        ("What is tea?", "Tea: Tea is a plant.", "A plant."),
        ("How is tea?", "Tea: Tea is hot.", "Hot."),
    }
    assert left_out(result) == {
        "quarantined: field 'answers.0.text' is absent or empty": 1,
        f"rejected: each: nothing at {each}": 1,
        "quarantined: each: paragraphs is no list": 1,
    }


def test_a_name_of_items_never_means_a_field_around_them(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(NESTED))
    fields = {"instruction": "{question}", "response": "{id}"}
    result = selected(tmp_path / "a.json", each="paragraphs.qas", fields=fields)
    assert pairs(result) == {("What is tea?", "q1")}
    assert left_out(result)["quarantined: field 'id' is absent or empty"] == 2


def test_items_that_are_texts_have_the_name_of_their_list(chosen: Chosen) -> None:
    rows = [{"topic": "tea", "facts": ["Tea is hot.", "Tea is old."]}, {"topic": "jam", "facts": '["Jam is sweet."]'}]
    fields = {"title": "{topic}", "text": "{facts}"}
    result = chosen(rows, count=3, each="facts", fields=fields)
    assert set(result.kept.select("title", "text").rows()) == {
        ("tea", "Tea is hot."),
        ("tea", "Tea is old."),
        ("jam", "Jam is sweet."),
    }


def test_all_items_of_a_row_are_in_the_slice_of_the_row(chosen: Chosen) -> None:
    rows = [{"c": turns(*(f"human: question {number} {turn}" for turn in range(3)))} for number in range(40)]
    keys = {"each": "c", "fields": {"text": "{value}"}, "count": 1}
    texts = chosen(rows, slice=(0, 50), **keys | {"count": 30}).kept["text"].to_list()
    begun = {text.split()[1] for text in texts}
    whole = chosen(rows, slice=(0, 50), **keys | {"count": 3 * len(begun)}).kept["text"]
    assert {text.split()[1] for text in whole} >= begun
    result = chosen(rows, slice=(0, 50), **keys)
    inside = sum(n for (_, reason), n in result.counts().items() if reason != "outside the slice")
    assert inside % 3 == 0 and 0 < inside < 120


MESSAGES = [
    {"id": "a", "parent": None, "role": "prompter", "lang": "en", "text": "How is tea made?"},
    {"id": "b", "parent": "a", "role": "assistant", "lang": "en", "text": "With hot water."},
    {"id": "c", "parent": None, "role": "prompter", "lang": "es", "text": "¿Cómo se hace el té?"},
    {"id": "d", "parent": "c", "role": "assistant", "lang": "es", "text": "Con agua caliente."},
    {"id": "e", "parent": "b", "role": "prompter", "lang": "en", "text": "How hot?"},
    {"id": "f", "parent": "e", "role": "assistant", "lang": "en", "text": "Nearly boiling."},
    {"id": "g", "parent": "gone", "role": "assistant", "lang": "en", "text": "Nobody asked."},
]
JOIN = {"parent": "parent", "id": "id"}
ASKED = {"instruction": "{parent.text}", "response": "{text}"}


def test_messages_are_joined_with_their_parents(chosen: Chosen) -> None:
    result = chosen(MESSAGES, count=2, where={"role": "assistant", "lang": "en"}, join=JOIN, fields=ASKED)
    assert pairs(result) == {("How is tea made?", "With hot water."), ("How hot?", "Nearly boiling.")}
    assert left_out(result) == {
        "rejected: where: role is prompter": 3,
        "rejected: where: lang is es": 1,
        "quarantined: join: its parent gone is not in the source": 1,
    }


def test_conditions_and_templates_read_further_generations(chosen: Chosen) -> None:
    fields = {"instruction": "{parent.parent.parent.text}\n{parent.parent.text}\n{parent.text}", "response": "{text}"}
    where = {"role": "assistant", "parent.lang": "en", "parent.parent.role": "assistant"}
    result = chosen(MESSAGES[:6], where=where, join=JOIN, fields=fields)
    assert pairs(result) == {("How is tea made?\nWith hot water.\nHow hot?", "Nearly boiling.")}
    assert left_out(result) == {
        "rejected: where: role is prompter": 3,
        "rejected: where: parent.lang is es": 1,
        "rejected: where: parent.parent.role is absent": 1,
    }


def test_a_parent_whose_id_is_given_twice_is_not_guessed(chosen: Chosen) -> None:
    doubled = [*MESSAGES[:4], {**MESSAGES[2], "text": "another text"}, MESSAGES[0]]
    result = chosen(doubled, where={"role": "assistant"}, join=JOIN, fields=ASKED)
    assert pairs(result) == {("How is tea made?", "With hot water.")}
    assert left_out(result)["quarantined: join: 2 rows that differ have the id c of its parent"] == 1


def test_a_table_with_gaps_has_whole_numbers_as_ids(chosen: Chosen) -> None:
    rows = [{"id": 1, "parent": None, "text": "tea"}, {"id": 2, "parent": 1.0, "text": "a drink"}]
    result = chosen(rows, join=JOIN, fields=ASKED)
    assert pairs(result) == {("tea", "a drink")}
    assert left_out(result) == {"quarantined: field 'parent.text' is absent or empty": 1}


def test_a_circle_of_parents_ends(chosen: Chosen) -> None:
    rows = [{"id": "a", "parent": "b", "text": "one"}, {"id": "b", "parent": "a", "text": "two"}]
    assert pairs(chosen(rows, count=2, join=JOIN, fields=ASKED)) == {("two", "one"), ("one", "two")}


def test_a_tree_of_messages_is_in_one_slice_in_every_role(chosen: Chosen) -> None:
    """Also in a role that joins nothing: otherwise a prompt could be in the seeds and be tested on."""
    rows: list[Row] = []
    for tree in range(30):
        rows += [{"id": f"{tree}-0", "parent": None, "text": f"tree {tree} question"}]
        rows += [{"id": f"{tree}-{n}", "parent": f"{tree}-{n - 1}", "text": f"tree {tree} turn {n}"} for n in (1, 2, 3)]
    own = {"source": "mine", "count": 1}
    seeds = SeedSelection.model_validate(own | {"join": JOIN, "fields": ASKED})
    texts = DocumentSelection.model_validate(own | {"fields": {"text": "{text}"}})
    ways = {"mine": shared([seeds, texts], "mine")}
    assert ways == {"mine": Shared(("id", "parent", "text"), Join(parent="parent", id="id"))}

    def trees(result: Result) -> set[str]:
        inside = [json.loads(content) for content in result.dropped["content"]]
        found = [row["text"] for row in inside if "row" not in row] + result.kept["text"].to_list()
        return {text.split()[1] for text in found}

    first = chosen(rows, ways, slice=(0, 50), fields={"text": "{text}"})
    second = chosen(rows, ways, slice=(50, 100), fields={"text": "{text}"})
    assert trees(first) and trees(second) and not trees(first) & trees(second)
    assert len(trees(first) | trees(second)) == 30
