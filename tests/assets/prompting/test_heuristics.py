"""Heuristics decide which pairs a student is trained on, so these tests check every rule exactly at its limit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.loading.file import load_recipe
from assets.prompting.heuristics import BrokenRule, broken_rule, copied_share, repeated_line_share
from assets.recipe.filters import Heuristics
from tests.support.tiny import ROOT
from warehouse.core.words import folded, words_in

RULES = Heuristics(instruction_words=(3, 6), response_words=(4, 8), most_repeated_line=0.5, copied_words=0.75)
WORDS = st.lists(st.sampled_from(["a", "b", "c", "aa", "A"]), max_size=8)
LINES = st.lists(st.sampled_from(["", " ", "a", " a ", "b", "c"]), max_size=10)


@pytest.mark.parametrize(
    ("instruction", "response", "expected"),
    [
        ("what is", "pesto is a sauce", BrokenRule("instruction too short", 2, 3)),
        ("", "pesto is a sauce", BrokenRule("instruction too short", 0, 3)),
        ("what is it", "pesto is a sauce", None),
        ("what is it to you now", "pesto is a sauce", None),
        ("what is it to you right now", "pesto is a sauce", BrokenRule("instruction too long", 7, 6)),
        ("what is it", "pesto or so", BrokenRule("response too short", 3, 4)),
        ("what is it", "one two three four five six seven eight", None),
        (
            "what is it",
            "one two three four five six seven eight nine",
            BrokenRule("response too long", 9, 8),
        ),
        ("what is it", "one\none\ntwo\nthree", None),
        ("what is it", "one\n\n one \none\ntwo", BrokenRule("response repeats a line", 0.75, 0.5)),
        ("pesto is a herb", "pesto is a sauce", None),
        ("Pesto is a sauce", "so pesto is a sauce", BrokenRule("instruction copied from the response", 1.0, 0.75)),
        ("is a sauce", "pesto is a sauce", BrokenRule("instruction copied from the response", 1.0, 0.75)),
    ],
)
def test_a_rule_is_broken_only_beyond_its_limit(instruction: str, response: str, expected: BrokenRule | None) -> None:
    assert broken_rule(instruction, response, RULES) == expected


@pytest.mark.parametrize(
    ("instruction", "given", "response", "short"),
    [
        ("Is the review positive or negative?", "", "Positive", False),
        ("Which animal is it?", "A cat or a dog.", "a dog", False),
        ("Is a whale a fish?", "", "No.", False),
        ("What is it?", "", "Pesto", True),
        ("What is it?", "", "It is it", True),
        ("Say a b c d", "", "a b c d", False),  # four words are enough anyway
        ("What is it?", "", "", True),
    ],
)
def test_a_label_is_not_too_short(instruction: str, given: str, response: str, short: bool) -> None:
    rules = Heuristics(instruction_words=(1, 60), response_words=(4, 8), copied_words=1)
    found = broken_rule(instruction, response, rules, given)
    assert (found is not None) == short
    assert found is None or found.name == "response too short"


def test_the_first_broken_rule_counts() -> None:
    assert broken_rule("what", "one\none", RULES) == BrokenRule("instruction too short", 1, 3)
    assert broken_rule("one one one", "one\none", RULES) == BrokenRule("response too short", 2, 4)
    assert broken_rule("one one one", "one one one\none one one", RULES) == BrokenRule(
        "response repeats a line", 1.0, 0.5
    )


def test_an_input_has_a_limit_where_one_is_set() -> None:
    rules = RULES.model_copy(update={"input_words": 2})
    assert broken_rule("what is it", "pesto is a sauce", RULES, "one two three") is None
    assert broken_rule("what is it", "pesto is a sauce", rules, "one two") is None
    assert broken_rule("what is it", "pesto is a sauce", rules, "one two three") == BrokenRule("input too long", 3, 2)


def test_the_worked_example_breaks_no_length_rule() -> None:
    assert broken_rule("What is it?", "It is. It is. It is.", Heuristics()) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0.0),
        ("\n \n", 0.0),
        ("a", 0.0),
        ("a\nb\nc", 0.0),
        ("a\nb\n a \n\nc", 0.5),
        ("a\na", 1.0),
        ("a\nA\nb", 0.0),
    ],
)
def test_the_share_of_the_most_frequent_line_ignores_blank_lines_and_margins(text: str, expected: float) -> None:
    assert repeated_line_share(text) == expected


@given(lines=LINES)
def test_the_share_of_a_repeated_line_is_that_of_a_plain_count(lines: list[str]) -> None:
    full = [line.strip() for line in lines if line.strip()]
    most = max((full.count(line) for line in full), default=0)
    assert repeated_line_share("\n".join(lines)) == (most / len(full) if most > 1 else 0.0)


@given(lines=LINES, data=st.data())
def test_the_order_of_lines_does_not_matter(lines: list[str], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(lines))
    assert repeated_line_share("\n".join(lines)) == repeated_line_share("\n".join(shuffled))


@pytest.mark.parametrize(
    ("instruction", "response", "expected"),
    [
        ("", "pesto", 0.0),
        ("pesto", "", 0.0),
        ("Pesto IS a", "pesto is\n a sauce", 1.0),
        ("what is a sauce", "pesto is a sauce", 0.75),
        ("is pesto a sauce", "pesto is a sauce", 0.5),
        ("art", "the start", 0.0),
        ("sauce", "a sauce.", 0.0),
    ],
)
def test_the_copied_share_is_that_of_the_longest_run_of_whole_words(
    instruction: str, response: str, expected: float
) -> None:
    assert copied_share(instruction, response) == expected


@given(instruction=WORDS, response=WORDS)
def test_the_copied_share_is_that_of_a_plain_search(instruction: list[str], response: list[str]) -> None:
    words, text = [word.lower() for word in instruction], [word.lower() for word in response]
    runs = {tuple(text[start:end]) for start in range(len(text)) for end in range(start + 1, len(text) + 1)}
    longest = max(
        (
            end - start
            for start in range(len(words))
            for end in range(start + 1, len(words) + 1)
            if tuple(words[start:end]) in runs
        ),
        default=0,
    )
    expected = longest / len(words) if words else 0.0
    assert copied_share(" ".join(instruction), " ".join(response)) == expected


@given(text=st.text())
def test_a_text_is_wholly_copied_from_itself(text: str) -> None:
    assert copied_share(text, text) == (1.0 if words_in(folded(text)) else 0.0)


@pytest.mark.parametrize(
    ("instruction", "response", "expected"),
    [
        ("茶叶需要怎样储存？", "茶叶应当放在阴凉干燥的地方。", None),
        ("喝茶。", "茶叶应当放在阴凉干燥的地方。", BrokenRule("instruction too short", 1, 3)),
        ("茶叶需要怎样储存？", "阴凉。", BrokenRule("response too short", 1, 5)),
        (
            "茶叶需要怎样储存？",
            "请放好。茶叶需要怎样储存？",
            BrokenRule("instruction copied from the response", 1.0, 0.8),
        ),
        ("お茶はどこで買いますか", "駅の近くの店で買うことができます。", None),
        ("दिल्ली कहाँ है?", "दिल्ली भारत के उत्तर में है।", None),
    ],
)
def test_words_are_counted_in_any_script(instruction: str, response: str, expected: BrokenRule | None) -> None:
    rules = Heuristics(instruction_words=(3, 60), response_words=(5, 400), copied_words=0.8)
    assert broken_rule(instruction, response, rules) == expected


def test_the_copied_share_ignores_the_normal_form() -> None:
    assert copied_share("Zu\u0308rich liegt", "Ja: ZÜRICH liegt") == 1.0


def test_the_recipe_of_the_paper_keeps_the_short_answers_of_self_instruct() -> None:
    """With a least length that was meant for prose, its arm would fall short after hours of generation."""
    rules = load_recipe(ROOT / "recipes" / "paper.yaml").enhancement.heuristics
    for instruction, input_, response in (
        ("Name the capital of the country.", "Peru", "Lima"),
        ("What is the capital of the country?", "Peru", "The capital of Peru is Lima."),
        ("Say which genre the song has.", "A guitar, a banjo and a fiddle.", "Country"),
    ):
        assert broken_rule(instruction, response, rules, input_) is None
    assert broken_rule("Say why the sky is blue.", "", rules) == BrokenRule("response too short", 0, 1)
