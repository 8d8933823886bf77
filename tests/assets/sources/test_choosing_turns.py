"""Conversations come in many shapes, and a pair of texts that do not belong together spoils a data set in silence. The
tests state every pair that comes of a conversation, and what becomes of every other one."""

from __future__ import annotations

import json

import pytest

from assets.recipe.mapping import MappingError
from tests.support.choosing import (
    BY_ROLE,
    CHATS,
    FIRST_PAIRS,
    Chosen,
    left_out,
    pairs,
    turns,
)


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
