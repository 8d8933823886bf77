"""A selection that pairs the wrong texts, or drops rows without a word, spoils a data set in silence. So the tests give
sources in the shapes that people have, and state every pair that comes of them and what becomes of every other row."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.recipe.columns import Shared, shared
from assets.recipe.mapping import MappingError
from assets.recipe.selections import DocumentSelection, Join, SeedSelection, Selection
from assets.sources import documents, seed_tasks
from assets.sources.partition import in_slice, row_identity
from assets.sources.seeding import ALONE, select
from warehouse.core.errors import UserError
from warehouse.results.result import Result

SOURCE = "5" * 32
SEED = 7

Row = dict[str, Any]
Chosen = Callable[..., Result]


@pytest.fixture
def chosen(tmp_path: Path) -> Chosen:
    """Builds the rows of one selection from the rows of a source."""

    def build(rows: list[Row], ways: Mapping[str, Shared] = ALONE, **keys: Any) -> Result:
        file = tmp_path / "rows.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return selected(file, ways, **keys)

    return build


def selected(file: Path, ways: Mapping[str, Shared] = ALONE, **keys: Any) -> Result:
    role, kind = (documents.ROLE, DocumentSelection) if "text" in keys["fields"] else (seed_tasks.ROLE, SeedSelection)
    selection: Selection = kind.model_validate({"source": "mine", "count": 1} | keys)
    return select(role, [selection], lambda name: (SOURCE, file), SEED, ways=ways).result()


def pairs(result: Result) -> set[tuple[str, ...]]:
    return set(result.kept.select("instruction", "response").rows())


def left_out(result: Result) -> dict[str, int]:
    """The reasons of all rows that are not kept, with their outcome and number."""
    assert result.incoming == len(result.decisions)
    return {f"{outcome}: {reason}": n for (outcome, reason), n in result.counts().items() if outcome != "kept"}


def turns(*said: str) -> list[Row]:
    """Turns as ShareGPT writes them: "human: hello"."""
    return [dict(zip(("from", "value"), one.split(": ", 1), strict=True)) for one in said]


CHATS = [
    {"c": turns("human: What is tea?", "gpt: A drink.")},
    {"c": turns("system: You are a cook.", "human: What is soup?", "gpt: A dish.")},
    {"c": turns("gpt: Welcome!", "human: What is bread?", "gpt: A loaf.")},
    {"c": turns("human: What is jam?", "gpt: A spread.", "human: How sweet?", "gpt: Very.")},
]
BY_ROLE = {"instruction": "{c[from=human].value}", "response": "{c[from=gpt].value}"}
FIRST_PAIRS = {
    ("What is tea?", "A drink."),
    ("What is soup?", "A dish."),
    ("What is bread?", "A loaf."),
    ("What is jam?", "A spread."),
}


@pytest.mark.parametrize("response", ["{c[from=gpt].value}", "{c[from=human][next][from=gpt].value}"])
def test_conversations_are_paired_by_role(chosen: Chosen, response: str) -> None:
    result = chosen(CHATS, count=4, fields=BY_ROLE | {"response": response, "input": "{c[from=system].value?}"})
    assert pairs(result) == FIRST_PAIRS
    assert sorted(result.kept["input"]) == ["", "", "", "You are a cook."]


def test_a_conversation_that_is_written_as_a_text_is_read(chosen: Chosen) -> None:
    rows = [{"c": json.dumps(row["c"])} for row in CHATS]
    assert pairs(chosen(rows, count=4, fields=BY_ROLE)) == FIRST_PAIRS


def test_a_question_that_another_question_follows_is_not_paired_with_a_later_answer(chosen: Chosen) -> None:
    odd = [
        {"c": turns("human: Tea?", "human: Or soup?", "gpt: Soup.")},
        {"c": turns("human: Hello?")},
        {"c": turns("gpt: Hello.", "human: Bye.")},
    ]
    assert left_out(chosen([CHATS[0], *odd], fields=BY_ROLE)) == {
        "quarantined: another turn of human lies between those of 'instruction' and 'response'": 1,
        "quarantined: field 'c[from=gpt].value' finds no item for [from=gpt] after the turn of 'instruction'": 2,
    }


def test_a_path_by_position_that_mixes_roles_is_refused(chosen: Chosen) -> None:
    fields = {"instruction": "{c.0.value}", "response": "{c.1.value}"}
    with pytest.raises(MappingError) as caught:
        chosen(CHATS, fields=fields)
    assert str(caught.value) == (
        "field 'instruction': {c.0.value} finds turns of different roles: human (2), system (1), gpt (1);"
        " pick the turn by its role, as in {c[from=human].value};"
        " field 'response': {c.1.value} finds turns of different roles: gpt (2), human (2);"
        " pick the turn by its role, as in {c[from=human][next][from=gpt].value}"
    )
    alike = [
        CHATS[0],
        CHATS[3],
        {"c": [{"from": "user", "value": "Salt?"}, {"from": "assistant", "value": "A spice."}]},
    ]
    assert ("Salt?", "A spice.") in pairs(chosen(alike, count=3, fields=fields))
    assert pairs(chosen(CHATS, fields=fields, count=2, where={"c[0].from": "human"})) == {
        ("What is tea?", "A drink."),
        ("What is jam?", "A spread."),
    }


def test_authors_of_comments_are_no_roles(chosen: Chosen) -> None:
    rows = [{"c": [{"author": one, "text": f"by {one}"}, {"author": "eve", "text": "yes"}]} for one in ("ann", "bob")]
    fields = {"instruction": "{c.0.text}", "response": "{c.1.text}"}
    assert pairs(chosen(rows, count=2, fields=fields)) == {("by ann", "yes"), ("by bob", "yes")}


def test_messages_of_tools_may_lie_between_a_question_and_its_answer(chosen: Chosen) -> None:
    said = [("user", "How warm is it?"), ("assistant", None), ("tool", "21"), ("assistant", "It is 21 degrees.")]
    rows = [{"messages": [{"role": role, "content": content} for role, content in said]}]
    fields = {"instruction": "{messages[role=user].content}", "response": "{messages[role=assistant].content}"}
    more = {"messages": [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello."}]}
    result = chosen([*rows, more], fields=fields)
    assert pairs(result) == {("Hi.", "Hello.")}
    assert left_out(result) == {"quarantined: field 'messages[role=assistant].content' is absent or empty": 1}
    last = fields | {"response": "{messages[role=assistant][1].content}"}
    assert pairs(chosen(rows, fields=last)) == {("How warm is it?", "It is 21 degrees.")}


def test_a_condition_may_look_at_the_turns_around_an_item(chosen: Chosen) -> None:
    fields = {"instruction": "{value}", "response": "{[next][from=gpt].value}"}
    result = chosen(CHATS, count=2, each="c[from=human]", where={"[previous]": {"present": False}}, fields=fields)
    assert pairs(result) == {("What is tea?", "A drink."), ("What is jam?", "A spread.")}
    assert left_out(result) == {"rejected: where: [previous] is present": 3}


def test_columns_of_a_conversation_count_as_turns(chosen: Chosen) -> None:
    rows = [{"c": {"from": ["human", "gpt"], "value": ["What is tea?", "A drink."]}}]
    assert pairs(chosen(rows, fields=BY_ROLE)) == {("What is tea?", "A drink.")}
    each = {"instruction": "{value}", "response": "{[next].value}"}
    assert pairs(chosen(rows, each="c[from=human]", fields=each)) == {("What is tea?", "A drink.")}


def test_each_makes_a_pair_of_every_turn_that_is_answered(chosen: Chosen) -> None:
    fields = {"instruction": "{value}", "response": "{[next][from=gpt].value}", "input": "{c[from=system].value?}"}
    rows = [*CHATS, {"c": turns("human: Anyone?")}, {"c": turns("gpt: I am.")}, {"c": None}]
    result = chosen(rows, count=5, each="c[from=human]", fields=fields)
    assert pairs(result) == FIRST_PAIRS | {("How sweet?", "Very.")}
    assert left_out(result) == {
        "quarantined: field '[next][from=gpt].value' finds no item for [next]": 1,
        "rejected: each: nothing at c[from=human]": 2,
    }


def test_with_each_an_answer_by_role_is_the_one_after_the_turn(chosen: Chosen) -> None:
    fields = {"instruction": "{value}", "response": "{c[from=gpt].value}"}
    result = chosen(CHATS, count=5, each="c[from=human]", fields=fields)
    assert pairs(result) == FIRST_PAIRS | {("How sweet?", "Very.")}


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


def test_where_leaves_rows_out_with_their_reasons_and_the_source_as_parent(chosen: Chosen) -> None:
    rows = [
        {"q": "one", "a": "yes", "lang": "en", "score": 5},
        {"q": "two", "a": "yes", "lang": "de", "score": 5},
        {"q": "three", "a": "yes", "lang": "en", "score": 2},
        {"q": "four", "a": "yes", "score": 5},
        {"q": "five", "lang": "en", "score": 4},
    ]
    fields = {"instruction": "{q}", "response": "{a}"}
    result = chosen(rows, where={"lang": "en", "score": {"at_least": 4}}, fields=fields)
    assert pairs(result) == {("one", "yes")}
    assert left_out(result) == {
        "rejected: where: lang is de": 1,
        "rejected: where: score is below 4": 1,
        "rejected: where: lang is absent": 1,
        "quarantined: field 'a' is absent or empty": 1,
    }
    assert set(result.edges["parent"]) == {SOURCE}
    assert result.decisions.filter(result.decisions["reason"] == "where: score is below 4")["score"].to_list() == [2.0]


def test_a_condition_on_a_column_that_no_row_has_is_refused_with_all_columns(chosen: Chosen) -> None:
    rows = [{"q": "one", "a": "yes", "language": "en"}]
    fields = {"instruction": "{q}", "response": "{a}"}
    with pytest.raises(MappingError) as caught:
        chosen(rows, where={"langage": "en"}, fields=fields)
    assert str(caught.value) == (
        "where names 'langage', which no row of the source has; nearest: language; available: a, language, q"
    )
    with pytest.raises(UserError, match="where: a is to be compared with 4, but no row has a number there"):
        chosen(rows, where={"a": {"at_least": 4}}, fields=fields)


ALPACA = {"instruction": "{instruction}", "input": "{input?}", "response": "{output}"}


def test_marks_of_no_input_are_absent_by_default_in_the_input_alone(chosen: Chosen) -> None:
    marks = ["<noinput>", "N/A", " No input ", "[No Input]", "", "None of these"]
    rows = [{"instruction": f"task {mark}", "input": mark, "output": "N/A"} for mark in marks]
    kept = chosen(rows, count=6, fields=ALPACA).kept
    assert sorted(kept["input"]) == ["", "", "", "", "", "None of these"]
    assert set(kept["response"]) == {"N/A"}


def test_the_key_absent_says_what_counts_as_absent_everywhere(chosen: Chosen) -> None:
    rows = [
        {"instruction": "one", "input": "<noinput>", "output": "fine"},
        {"instruction": "two", "input": "-", "output": "-1"},
        {"instruction": "three", "input": "x", "output": -1},
    ]
    result = chosen(rows, absent=["-", "-1"], fields=ALPACA)
    assert result.kept.select("instruction", "input").rows() == [("one", "<noinput>")]
    assert left_out(result) == {"quarantined: field 'output' is absent or empty": 2}
    assert len(chosen(rows, count=3, absent=[], fields=ALPACA).kept) == 3


def test_only_columns_that_some_role_names_count_in_a_row(chosen: Chosen) -> None:
    """Rows that differ in another column are the same row; the columns of other roles keep the slices apart."""
    rows = [{"q": "one", "a": "yes", "n": number} for number in range(3)]
    fields = {"instruction": "{q}", "response": "{a}"}
    result = chosen(rows, fields=fields)
    assert result.counts() == {("kept", ""): 1, ("rejected", "not sampled"): 2}
    other = DocumentSelection.model_validate({"source": "mine", "count": 1, "fields": {"text": "{n}"}})
    seeds = SeedSelection.model_validate({"source": "mine", "count": 1, "fields": fields})
    ways = {"mine": shared([seeds, other], "mine")}
    for slice_ in ((0, 50), (50, 100)):
        inside = [row for row in rows if in_slice(row_identity(row), slice_, str(SEED))]
        if inside:
            counts = chosen(rows, ways, slice=slice_, fields=fields).counts()
            assert counts.get(("rejected", "outside the slice"), 0) == 3 - len(inside)


ANY = st.recursive(
    st.sampled_from([None, "", "human", "gpt", " N/A ", "[broken", '{"a": NaN}', True, -1, 3, 2.5, 10**400]),
    lambda inside: (
        st.lists(inside, max_size=4)
        | st.dictionaries(st.sampled_from(["from", "value", "c", "q", "id"]), inside, max_size=4)
        | st.lists(st.fixed_dictionaries({"from": st.sampled_from(["human", "gpt"]), "value": inside}), max_size=4)
        | st.lists(inside, max_size=3).map(json.dumps)
    ),
    max_leaves=12,
)
WAYS: list[dict[str, Any]] = [
    {"fields": BY_ROLE},
    {"fields": {"instruction": "{c.0.value}", "response": "{c.1.value?}x"}, "where": {"q": ["human", 3, True]}},
    {"fields": {"instruction": "{value}", "response": "{[next].value} {q?:json}"}, "each": "c"},
    {"fields": {"instruction": "{value}", "response": "{[previous][from=gpt].value?}x"}, "each": "c.c[from=human|gpt]"},
    {"fields": {"instruction": "{parent.q:json}", "response": "{q:json}"}, "join": {"parent": "c", "id": "id"}},
    {"fields": {"instruction": "{q}", "response": "{*:json}"}, "where": {"q": {"at_least": 2}}, "absent": ["3"]},
]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.fixed_dictionaries({"c": ANY, "q": ANY, "id": ANY}), min_size=1, max_size=8),
    keys=st.sampled_from(WAYS),
)
def test_any_source_gives_an_outcome_for_every_row_or_an_error_for_users(
    tmp_path: Path, rows: list[Row], keys: dict[str, Any]
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    try:
        result = selected(file, **keys)
    except UserError as error:
        assert len(str(error)) < 2500
    else:
        assert result.incoming == len(result.decisions) >= len(rows)


def test_empty_lists_alone_are_too_few_rows_and_no_missing_field(chosen: Chosen) -> None:
    with pytest.raises(UserError) as caught:
        chosen([{"c": []}], each="c", fields={"instruction": "{value}", "response": "{[next].value}"})
    assert not isinstance(caught.value, MappingError)
