"""Duplicates, leaks and withdrawals are found by comparing texts. A sign that is left out makes two questions one, and
one that counts in prose makes one question two. Plain English compares as it always did, since keys are stored."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.core import comparing
from warehouse.core.comparing import run_units, units
from warehouse.core.texts import has_word, normalized

SIGNS = "-+*/%&@#\\|~<>=^$"
PROSE = st.text(alphabet="aB9 \n.,;:!?'\"()[]{}_", max_size=60)
ASCII = st.text(alphabet=st.characters(max_codepoint=127), max_size=60) | st.text(
    alphabet=f"a7 \t\n{SIGNS}", max_size=30
)


def letters_and_digits(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", text.lower()))


@given(text=PROSE)
def test_plain_english_compares_by_letters_and_digits(text: str) -> None:
    assert " ".join(units(text)) == letters_and_digits(text)
    assert normalized(text) == (letters_and_digits(text) or " ".join(text.lower().split()))


@pytest.mark.parametrize(
    "text",
    [
        "A well-known and/or half-baked T-shirt: COVID-19, GPT-4!",
        "Basil -- fresh - and oil; then: stir.",
        "# Title\n\n- one\n* two\n> three\n---\n**bold** and *soft* and `code`.",
        "| a\n|---|---|\n",
        'He/she said: "Go!" (It\'s 9:30, e.g. now.)',
    ],
)
def test_signs_of_prose_and_markup_do_not_count(text: str) -> None:
    assert normalized(text) == letters_and_digits(text)


def test_typographic_english_compares_by_letters_and_digits() -> None:
    text = "It’s “naïve” — a café’s résumé… 10–12 · §3"
    assert normalized(text) == letters_and_digits(text)


@given(text=ASCII)
def test_the_fast_way_for_ascii_finds_the_same_units(text: str) -> None:
    assert units(text) == comparing._UNIT.findall(text.lower())
    assert run_units(text) == comparing._RUN_UNIT.findall(text.lower()) == re.findall(r"\w+", text.lower())


@given(text=st.text(max_size=40), form=st.sampled_from(["NFC", "NFD"]))
def test_the_normal_form_never_counts(text: str, form: Any) -> None:
    assert normalized(unicodedata.normalize(form, text)) == normalized(text)
    assert normalized(f" {text}\n") == normalized(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *((f"What is 7 {a} 2?", f"What is 7 {b} 2?") for a, b in zip("+-*/%^<>=", "-*/%^<>=+", strict=True)),
        ("What is 7+2?", "What is 7-2?"),
        ("What is 7 -2?", "What is 7 2?"),
        ("Solve x - y.", "Solve x / y."),
        ("Is a == b?", "Is a != b?"),
        ("the size of -7", "the size of 7"),
        ("7 - -2", "7 - 2"),
        ("What is C?", "What is C#?"),
        ("What is C++?", "What is C#?"),
        ("Take 50% of it", "Take 50 of it"),
        ("It costs $5.", "It costs €5."),
        ("What does '*' do?", "What does '/' do?"),
        ("What does `-` do?", "What does `%` do?"),
        ("a & b", "a | b"),
        ("काली", "केला"),
        ("คา", "คี"),
        ("+", "-"),
        ("😀", "😡"),
        ("...", "?"),
        ("５＋３", "５－３"),
    ],
)
def test_signs_and_vowel_signs_make_another_text(one: str, other: str) -> None:
    assert normalized(one) != normalized(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is 5 \u2212 3?", "what is 5 - 3"),
        ("５＋３＝？", "5 + 3 = ?"),
        ("水，是无色的。", "水是无色的"),
        ("用 GPT 模型", "用GPT模型"),
        ("«Привет, мир!»", "привет мир"),
        ("Bonjour ! Ça va ?", "bonjour, ça va"),
        ("दिल्ली राजधानी है।", "दिल्ली, राजधानी है"),
    ],
)
def test_other_punctuation_makes_no_other_text(one: str, other: str) -> None:
    assert normalized(one) == normalized(other)


def test_only_a_blank_text_compares_as_nothing() -> None:
    assert [normalized(text) for text in ("", " \n", "\u200b", "...", " - ", "+", "😀")] == [
        *("", "", "", "...", "-", "+", "😀")
    ]


def test_a_text_without_letter_or_digit_says_nothing() -> None:
    assert [has_word(text) for text in ("", "...", "+", "_", "a", "7", "水", "है")] == [False] * 4 + [True] * 4
