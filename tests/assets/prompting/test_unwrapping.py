"""A wrapper that stays becomes a student's instruction or answer, and a text that is taken for a wrapper is lost. So
the tables have the forms that models write, and beside them texts that look alike and must not change."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.prompting.parsing import instruction_of
from assets.prompting.unwrapping import unwrapped, unwrapped_answer

WRAPPED = [
    "Explain tea.",
    "Sure! Here is the instruction:\nExplain tea.",
    "Sure, here's an instruction that fits the text:\n\nExplain tea.",
    "Certainly! Here is a possible instruction: Explain tea.",
    "Of course. This is what the user may have asked: Explain tea.",
    "Here is the rewritten prompt:\nExplain tea.",
    "Here's a more complex version: Explain tea.",
    "Here are the instructions:\n1. Explain tea.\n2. Explain rye.",
    "Sure!\nExplain tea.",
    "Okay, the question: Explain tea.",
    "Instruction: Explain tea.",
    "**Instruction:** Explain tea.",
    "**Instruction**: Explain tea.",
    "*Instruction:* Explain tea.",
    "**Instruction**\n\nExplain tea.",
    "### Instruction:\nExplain tea.",
    "### Instruction\nExplain tea.",
    "## **Instruction:**\nExplain tea.",
    "# Explain tea.",
    "#Rewritten Prompt#: Explain tea.",
    "New prompt: Explain tea.",
    "Question 3: Explain tea.",
    "Message: Explain tea.",
    "Message (of the user): Explain tea.",
    "User's message: Explain tea.",
    "Search query: Explain tea.",
    "User: Explain tea.",
    "Instruction: Question: Explain tea.",
    "1. Explain tea.",
    "1) Explain tea.",
    "1.\nExplain tea.",
    "- Explain tea.",
    "• **Explain tea.**",
    '"Explain tea."',
    "“Explain tea.”",
    "„Explain tea.“",
    "«Explain tea.»",
    "`Explain tea.`",
    "**Explain tea.**",
    "__Explain tea.__",
    'Prompt: "Explain tea."',
    '1. **Instruction:** "Explain tea."',
    "```\nExplain tea.\n```",
    "```text\nInstruction: Explain tea.\n```",
    "```Explain tea.```",
    "<instruction>Explain tea.</instruction>",
    "<instruction>\nExplain tea.\n</instruction>",
    "Explain tea.</instruction>",
    "<p><b>Explain tea.</b></p>",
    "---\nExplain tea.\n---",
    "Explain tea.\n\nLet me know if you need anything else!",
    "Q: Explain tea.",
    "The instruction is: Explain tea.",
    "The question that this text answers could be: Explain tea.",
    "The user may have asked: Explain tea.",
    'I would ask: "Explain tea."',
    "Yes, here is the question: Explain tea.",
    "> Explain tea.",
    "[Instruction] Explain tea.",
    "[INST] Explain tea. [/INST]",
    "Anweisung: Explain tea.",
    "Natürlich! Hier ist die Anweisung:\nExplain tea.",
    "Voici la consigne : Explain tea.",
    "¡Claro! Aquí tienes la instrucción:\nExplain tea.".removeprefix("¡"),
    "**Pregunta:** Explain tea.",
    "Конечно! Вот инструкция:\nExplain tea.",
    "好的，以下是指令：\nExplain tea.",
    "指令：Explain tea.",
    "質問：Explain tea.",
]

INSTRUCTIONS = [
    "Instruction: the art of teaching",
    "Task: an essay on rivers",
    "Questions: which ones matter?",
    "Which task: this or that?",
    "Messages: how do they reach a phone?",
    "**Task** forces: what are they?",
    "Here is a list of numbers: 1, 2, 3. Sort them.",
    "Here are the instructions for a game: roll a die. Write a summary.",
    "Here is a questionable claim: tea is soup. Refute it.",
    "Surely the answer is 4: explain why.",
    "Of course, there are two kinds of people: which ones?",
    "Great Expectations: who wrote it?",
    "The following are multiple choice questions about tea: answer them.",
    "1984 is a novel by whom?",
    "1.5 litres are how many cups?",
    "2. Weltkrieg: wann begann er?",
    "-5 + 3 = ?",
    "#include <stdio.h> does what?",
    'Who wrote "Emma"?',
    '"Emma" or "Persuasion"?',
    "*Emma* and *Persuasion*",
    "Is <b>bold</b> text accessible?",
    "<b>Bold</b> or <b>thin</b>",
    "Use `ls` and `cd`",
    "Okay",
    "User stories: what are they?",
    "Is the question of life this: who are we?",
    "[1] Explain the note.",
    "Users asked: how many were there?",
    "f(x): what is it?",
]


@pytest.mark.parametrize("text", WRAPPED)
def test_an_instruction_loses_all_its_wrappers(text: str) -> None:
    assert instruction_of(text) == "Explain tea."


@pytest.mark.parametrize("text", [text for text in INSTRUCTIONS if text != "Okay"])
def test_an_instruction_that_looks_like_a_wrapper_stays(text: str) -> None:
    assert instruction_of(text) == text


@pytest.mark.parametrize(
    "text", ["Sure! Here is the instruction:", "### Instruction:", "Query:", "```", "Sure!", "<instruction>", "1.", ""]
)
def test_a_wrapper_alone_is_no_instruction(text: str) -> None:
    assert instruction_of(text) == ""


def test_a_question_of_small_words_is_no_title() -> None:
    assert instruction_of("Question: in which city is it?") == "in which city is it?"
    assert instruction_of("Query: the art of teaching") == "the art of teaching"


LIST = "1. Preheat the oven.\n2. Mix the flour."
CODE = "```python\nprint('tea')\n```"
ANSWERS_WRAPPED = [
    ("Answer: Tea is a drink.", "Tea is a drink."),
    ("**Response:** Tea is a drink.", "Tea is a drink."),
    ("**Answer**: Tea is a drink.", "Tea is a drink."),
    ("The final answer: 4", "4"),
    ("### Response:\nTea is a drink.", "Tea is a drink."),
    ("## Answer\n\n" + LIST, LIST),
    ("Assistant: Tea is a drink.", "Tea is a drink."),
    ("Antwort: Tee ist ein Getränk.", "Tee ist ein Getränk."),
    ("回答：茶是一种饮料。", "茶是一种饮料。"),
    ("Here is the answer:\n" + LIST, LIST),
    ("Sure! Here's my response to your question:\n\nTea is a drink.", "Tea is a drink."),
    ("```markdown\n# Tea\n\nA drink.\n```", "# Tea\n\nA drink."),
    ("```text\nTea is a drink.\n```\n", "Tea is a drink."),
    ("```markdown\n" + CODE + "\nThat is all.\n```", CODE + "\nThat is all."),
    ("<answer>Tea is a drink.</answer>", "Tea is a drink."),
    ("<response>\nAnswer: Tea.\n</response>", "Tea."),
    ("Tea is a drink.\n\nLet me know if you need anything else!", "Tea is a drink."),
    ("Tea is a drink.\n\nI hope this helps! Let me know if you have any questions.", "Tea is a drink."),
    ("Tea is a drink.\n \nFeel free to ask if you have other questions.", "Tea is a drink."),
    ("Tea is a drink.\n\nIs there anything else I can help you with?", "Tea is a drink."),
]

ANSWERS = [
    "",
    " Tea is a drink.\n",
    LIST,
    "# Tea\n\nA drink.",
    "**Tea** is a drink.",
    CODE,
    "```\nls -l\n```",
    "```text\na\n```\nand then\n```\nb\n```",
    '"To be or not to be"',
    "- Tea\n- Rye",
    "Instruction: the art of teaching",
    "Question: what is tea?\nIt is a drink.",
    "Sure! Here is a recipe for pesto:\n\n" + LIST,
    "Here is a poem:\nTea, tea.",
    "Answers: 4 and 5",
    "Answer the letter: it is polite.",
    "Answer:",
    "<p>Tea is a drink.</p>",
    "<answer>1</answer> and <answer>2</answer>",
    "Dear Ann,\n\nI will come.\n\nPlease let me know if you can come, too.",
    "Dear Ann,\n\nPlease let me know if you have any questions.\n\nYours, Bob",
    "Let me know if you need anything else!",
]


@pytest.mark.parametrize(("text", "expected"), ANSWERS_WRAPPED)
def test_an_answer_loses_what_is_wrapped_around_it(text: str, expected: str) -> None:
    assert unwrapped_answer(text) == expected


@pytest.mark.parametrize("text", ANSWERS)
def test_an_answer_with_a_form_of_its_own_stays_as_it_is(text: str) -> None:
    assert unwrapped_answer(text) == text


PIECES = [
    *WRAPPED,
    *INSTRUCTIONS,
    "```",
    "**",
    '"',
    "1. ",
    "#",
    "<p>",
    "</p>",
    "\n",
    "\n\n",
    " ",
    ":",
    "Answer:",
    "Sure!",
]
TEXT = st.text() | st.lists(st.sampled_from(PIECES), max_size=5).map("".join)


@given(text=TEXT)
def test_a_text_that_was_unwrapped_has_no_wrapper_left_and_is_part_of_the_text(text: str) -> None:
    line, answer = instruction_of(text), unwrapped_answer(text)
    assert (instruction_of(line), unwrapped_answer(answer)) == (line, answer)
    assert line in text
    assert answer in text
    assert len(line.splitlines()) <= 1


@pytest.mark.parametrize(
    "piece", ['"', "*", "#", "1. ", "<p>", "\n", "```\n", "Sure! ", "the ", "Answer: ", "here is a ", ": "]
)
def test_a_long_text_of_one_piece_is_unwrapped_quickly(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    began = time.monotonic()
    unwrapped(text), unwrapped(text[:2_000]), instruction_of(text), unwrapped_answer(text)
    assert time.monotonic() - began < 5
