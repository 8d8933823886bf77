"""A thought that stays in an answer is trained on, and an answer that is taken for a thought is lost. So these tests
give the exact thoughts and answer of each form that models write, and of texts that only speak about such marks."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.models.thoughts import MARKS, Read, read

FORMS: list[tuple[str, tuple[str, ...], str]] = [
    ("<think>Is it Rome?</think>\n\nRome.", ("Is it Rome?",), "Rome."),
    ("<think>\nIs it Rome?\n\nYes.\n</think>Rome.", ("Is it Rome?\n\nYes.",), "Rome."),
    ("\n <THINK>Is it Rome?</Think> Rome.\n", ("Is it Rome?",), "Rome."),
    ("<thinking>Rome?</thinking>\nRome.", ("Rome?",), "Rome."),
    ("<thought>Rome?</thought>\nRome.", ("Rome?",), "Rome."),
    ("<reasoning>\nRome?\n</reasoning>\n<answer>\nRome.\n</answer>", ("Rome?",), "Rome."),
    ("<think>Rome?</think><answer>Rome.", ("Rome?",), "Rome."),
    ("<seed:think>Rome?</seed:think>Rome.", ("Rome?",), "Rome."),
    (
        "<|begin_of_thought|>\n\nRome?\n\n<|end_of_thought|>\n\n<|begin_of_solution|>\n\nRome.\n\n<|end_of_solution|>",
        ("Rome?",),
        "Rome.",
    ),
    ("<|START_THINKING|>Rome?<|END_THINKING|><|START_RESPONSE|>Rome.<|END_RESPONSE|>", ("Rome?",), "Rome."),
    ("◁think▷Rome?◁/think▷Rome.", ("Rome?",), "Rome."),
    ("[THINK]Rome?[/THINK]Rome.", ("Rome?",), "Rome."),
    # An empty thought is what models write that are told not to think.
    ("<think>\n\n</think>\n\nRome.", (), "Rome."),
    # The prompt opened the thought.
    ("Is it Rome?\n</think>\n\nRome.", ("Is it Rome?",), "Rome."),
    ("\n</think>\n\nRome.", (), "Rome."),
    ("Is it Rome?</think>Rome.", ("Is it Rome?",), "Rome."),
    ("They write <think> here.\nWhy?\n</think>\nRome.", ("They write <think> here.\nWhy?",), "Rome."),
    ("First ```\nx = 1\n</think>\nRome.", ("First ```\nx = 1",), "Rome."),
    # Several thoughts.
    ("<think>One?</think>\n<think>Two?</think>\nRome.", ("One?", "Two?"), "Rome."),
    ("<think>One?</think>\nRome.\n\n<think>Two?</think>\n\nIn Italy.", ("One?", "Two?"), "Rome.\n\nIn Italy."),
    ("Rome.\n<think>Two?</think>\nIn Italy.", ("Two?",), "Rome.\nIn Italy."),
    ("Rome. <think>Two?</think> In Italy.", ("Two?",), "Rome. In Italy."),
    ("One?\n</think>\nTwo?\n</think>\nRome.", ("One?", "Two?"), "Rome."),
    # Nested ones, and thoughts about marks.
    ("<think>A <think>B</think> C</think>Rome.", ("A <think>B</think> C",), "Rome."),
    ("<think>What is <think>?</think>\nIt opens a thought.", ("What is <think>?",), "It opens a thought."),
    ("<think>I close it by </think> here.\nDone.\n</think>\nRome.", ("I close it by", "here.\nDone."), "Rome."),
    ("<think>```\nx = 1\n</think>\nRome. <think>Sure?</think> Yes.", ("```\nx = 1", "Sure?"), "Rome. Yes."),
    ("<think>Tags?</think>\nUse `<think>` and `</think>`.", ("Tags?",), "Use `<think>` and `</think>`."),
    # Marks that do not match, a byte order mark, Windows' line ends, and no space after a sentence.
    ("<think>Rome?</thinking>Rome.", ("Rome?",), "Rome."),
    ("\ufeff<think>Rome?</think>Rome.", ("Rome?",), "Rome."),
    ("<think>\r\nRome?\r\n</think>\r\n\r\nRome.", ("Rome?",), "Rome."),
    ("Rome.<think>Two?</think> In Italy.", ("Two?",), "Rome. In Italy."),
    ("Sure!\n<think>Two?</think>\nRome.", ("Two?",), "Sure!\nRome."),
    ("</think>\n\nRome.", (), "Rome."),
    # gpt-oss.
    (
        "<|channel|>analysis<|message|>Rome?<|end|><|start|>assistant<|channel|>final<|message|>Rome.<|return|>",
        ("Rome?",),
        "Rome.",
    ),
    (
        "<|start|>assistant<|channel|>analysis<|message|>Rome?<|end|>"
        "<|start|>assistant<|channel|>commentary to=functions.ask <|constrain|>json<|message|>{}<|call|>"
        "<|start|>assistant<|channel|>final<|message|>Rome.",
        ("Rome?", "{}"),
        "Rome.",
    ),
    ("<|channel|>final<|message|>Rome.<|return|>", (), "Rome."),
    ("analysisRome? I think so.assistantfinalRome.", ("Rome? I think so.",), "Rome."),
]  # fmt: skip


@pytest.mark.parametrize(("text", "thoughts", "answer"), FORMS)
@pytest.mark.parametrize("complete", [True, False])
def test_thoughts_are_not_part_of_the_answer(text: str, thoughts: tuple[str, ...], answer: str, complete: bool) -> None:
    assert read(text, complete) == Read(thoughts, answer, complete)
    assert read(answer, complete).answer == answer


@pytest.mark.parametrize(
    ("text", "thoughts", "answer"),
    [
        ("<think>", (), ""),
        ("<think>\nIs it Rome? I think it is. Or", ("Is it Rome? I think it is. Or",), ""),
        ("<think>One?</think>\n<think>Two", ("One?", "Two"), ""),
        ("Rome is old.\n<think>Is it", ("Is it",), "Rome is old."),
        ("Rome is old.\n<think>\nIs it", ("Is it",), "Rome is old."),
        ("[THINK]Is it Rome?[/TH", ("Is it Rome?[/TH",), ""),
        ("<|channel|>analysis<|message|>Is it Rome?", ("Is it Rome?",), ""),
        ("<|channel|>analysis<|message|>Is it Rome?<|end|>", ("Is it Rome?",), ""),
        ("analysisWe need to find", ("We need to find",), ""),
    ],
)
def test_a_thought_that_was_cut_off_is_a_cut_off_answer(text: str, thoughts: tuple[str, ...], answer: str) -> None:
    assert read(text, complete=False) == Read(thoughts, answer, complete=False, cut_off=True)


@pytest.mark.parametrize("text", ["<think>", "<think>\nIs it Rome?", "Rome.\n<think>\nIs it"])
def test_a_thought_that_never_ends_is_cut_off_also_where_the_text_ended_by_itself(text: str) -> None:
    found = read(text, complete=True)
    assert (found.complete, found.cut_off) == (False, True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " Rome.\n",
        "Reasoning models write <think>...</think> before the answer.",
        "They write <think> first and </think> last.\nThen the answer.",
        "Wrap it in <think>...</think>\nThen answer.",
        "Write </think> to end it.",
        'The mark "</think>" ends it.',
        "The mark (</think>) ends it.",
        "Use `<think>` at the start.\n\nThen `</think>`.",
        "`<think>` opens a thought.\n`</think>` ends it.",
        "The format:\n\n```\n<think>\nHere it thinks.\n</think>\nHere it answers.\n```\n\nThat is all.",
        "The format:\n~~~xml\n<think>\nHere it thinks.\n</think>\n~~~",
        "```xml\n<think>x</think>\n```",
        "To think, write:\n\n    <think>x</think>\n\nin the prompt.",
        "The format:\n```\n<think>\nHere it",
        "Is 1 < think > 2?",
        "[THINKING] is a sign, <thinker> another.",
        "analysis of the data shows a rise",
        "The list:\n<think> opens it, and so on.",
        "An <answer>element</answer> of XML.",
        "<answer>Rome.</answer>",
    ],
)
def test_a_text_that_only_speaks_of_marks_stays_as_it_is(text: str) -> None:
    assert read(text, complete=True) == Read((), text, complete=True)


def test_thoughts_that_a_server_returns_apart_are_thoughts() -> None:
    assert read("Rome.", True, apart="Rome?\n") == Read(("Rome?",), "Rome.", True)
    assert read("<think>Or?</think>Rome.", True, apart="Rome?") == Read(("Rome?", "Or?"), "Rome.", True)
    assert read("Rome", False, apart="Rome?") == Read(("Rome?",), "Rome", False)
    assert read("", False, apart="Rome?") == Read(("Rome?",), "", False, cut_off=True)
    assert read("", True, apart="Rome?") == Read(("Rome?",), "", True)
    assert read(" Rome.", True, apart=" ") == Read((), " Rome.", True)


def test_where_the_prompt_opens_the_thought_a_text_without_a_closing_mark_is_all_thought() -> None:
    assert read("Is it Rome? It is.", False, opened=True) == Read(("Is it Rome? It is.",), "", False, cut_off=True)
    assert read("Is it Rome?</think>Rome.", True, opened=True) == Read(("Is it Rome?",), "Rome.", True)
    assert read("I write </think> here.\n</think>\nRome.", True, opened=True).answer == "Rome."
    assert read("<think>Is it?</think>Rome.", True, opened=True) == Read(("Is it?",), "Rome.", True)
    assert read("Is it Rome? It is.", False, opened=True, marks=()).answer == "Is it Rome? It is."
    declared = read("Is it Rome? It is.", False, marks=(("", "</think>"),))
    assert declared == Read(("Is it Rome? It is.",), "", False, cut_off=True)


def test_a_recipe_may_name_other_marks_or_none() -> None:
    said = (("Here is my thought process:", "Here is my response:"),)
    text = "Here is my thought process: is it Rome?\n\nHere is my response: Rome."
    assert read(text, True, said) == Read(("is it Rome?",), "Rome.", True)
    assert read("<think>Rome?</think>Rome.", True, said) == Read((), "<think>Rome?</think>Rome.", True)
    assert read("<think>Rome?</think>Rome.", True, ()) == Read((), "<think>Rome?</think>Rome.", True)
    assert read("<|channel|>final<|message|>Rome.", True, ()).answer == "<|channel|>final<|message|>Rome."


PIECES = ["<think>", "</think>", "<thinking>", "[THINK]", "[/THINK]", "`", "```", "\n", " ", "Rome.", "a", '"', "("]
TEXT = st.text() | st.lists(st.sampled_from(PIECES), max_size=14).map("".join)


@given(text=TEXT, complete=st.booleans(), opened=st.booleans())
def test_nothing_is_invented_and_a_text_without_marks_does_not_change(text: str, complete: bool, opened: bool) -> None:
    found = read(text, complete, opened=opened)
    assert found.complete <= complete
    assert not (found.complete and found.cut_off)
    for part in (*found.thoughts, *found.answer.split()):
        assert part in text
    if not opened and not any(mark.lower() in text.lower() for pair in MARKS for mark in pair):
        assert found == Read((), text, complete)


@pytest.mark.parametrize(
    "piece",
    ["<think></think>", "a\n<think>b", "</think>", "<think>", "`", "```\n", "a.\n<think>b</think>\n", "x</think>`y`\n"],
)
def test_a_long_text_is_read_in_time_in_proportion_to_it(piece: str) -> None:
    text = piece * (200_000 // len(piece))
    began = time.monotonic()
    read(text, complete=True)
    assert time.monotonic() - began < 5
