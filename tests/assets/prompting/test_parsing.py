"""A model can write anything, and its parsed texts become training data. So the tests compare the parsers with exact
results for common formats, and check their guarantees for any text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.prompting.parsing import instruction_of, numbered_items

# Arbitrary text rarely contains a list or two sentences; the second alphabet makes them likely.
TEXT = st.text() | st.text(alphabet=" \n\r\t\x85\u2028\u200b0123.)(:!?\"'“”`…。aBQuestion", max_size=60)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" How do I make Pesto?", ["How do I make Pesto?"]),
        (" How do I make Pesto?\n10. What is rye?\n", ["How do I make Pesto?", "What is rye?"]),
        (" One.\n10) Two.\n 11 . Three.", ["One.", "Two.", "Three."]),
        ("9. One.\n10. Two.", ["One.", "Two."]),
        (" Sort these:\n  3, 1,\t2\n10. Two.", ["Sort these: 3, 1, 2", "Two."]),
        (" One.\n10.\n11. Three.", ["One.", "Three."]),
        (" Name 3. Then stop.", ["Name 3. Then stop."]),
        ("", []),
        (" \n ", []),
        ("10.", []),
    ],
)
def test_a_continued_list_is_split_into_its_items(text: str, expected: list[str]) -> None:
    assert numbered_items(text, complete=True) == (expected, "")


@pytest.mark.parametrize(
    ("text", "items", "cut_off"),
    [
        (" How do I make Pesto?\n10. What is\nry", ["How do I make Pesto?"], "What is ry"),
        (" How do I make Pesto?\n10.", ["How do I make Pesto?"], ""),
        (" How do I make Pes", [], "How do I make Pes"),
        ("", [], ""),
    ],
)
def test_the_cut_off_item_of_a_list_is_returned_separately(text: str, items: list[str], cut_off: str) -> None:
    assert numbered_items(text, complete=False) == (items, cut_off)


@given(text=TEXT)
def test_items_of_any_text_are_stripped_and_not_empty(text: str) -> None:
    items, nothing = numbered_items(text, complete=True)
    assert all(item and item == item.strip() and "\n" not in item for item in items)
    whole, cut_off = numbered_items(text, complete=False)
    assert (nothing, [*whole, *filter(None, [cut_off])]) == ("", items)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What is Pesto?", "What is Pesto?"),
        ("\n\n  What is Pesto?  \nIt is a sauce.", "What is Pesto?"),
        ("Instruction: What is Pesto?", "What is Pesto?"),
        ("QUESTION 2 : What is Pesto?", "What is Pesto?"),
        ("Instruction: Question: What is Pesto?", "What is Pesto?"),
        ('Prompt: "What is Pesto?"', "What is Pesto?"),
        ("“What is Pesto?”", "What is Pesto?"),
        ("'What is Pesto?'", "What is Pesto?"),
        ("`What is Pesto?`", "What is Pesto?"),
        ("“What is Pesto?", "“What is Pesto?"),
        ('Who wrote "Emma"?', 'Who wrote "Emma"?'),
        ("Questions: which ones matter?", "Questions: which ones matter?"),
        ("Which task: this or that?", "Which task: this or that?"),
        ("Query:", ""),
        ('""', ""),
        ('"', '"'),
        ("", ""),
        (" \n\t\n", ""),
    ],
)
def test_an_instruction_is_the_first_line_without_label_and_quotes(text: str, expected: str) -> None:
    assert instruction_of(text) == expected


@pytest.mark.parametrize("text", ['"Emma" or "Persuasion"', "'Emma' and 'Persuasion'"])
def test_quotes_that_are_not_a_pair_stay(text: str) -> None:
    assert instruction_of(text) == text


@given(text=TEXT)
def test_the_instruction_of_any_text_is_one_stripped_line_of_it(text: str) -> None:
    instruction = instruction_of(text)
    assert instruction == instruction.strip()
    assert len(instruction.splitlines()) <= 1
    assert instruction in text
