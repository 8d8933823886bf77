"""A leak that is not found makes a score worthless, and one that is found by chance empties a training set: a benchmark
of labels once rejected every row that was answered "Positive". These tests try both sides of each rule."""

from __future__ import annotations

import unicodedata
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.curation.decontamination import BenchmarkTexts
from assets.recipe.types import Decontamination
from assets.sources.leaks import LEAST_INSTRUCTION, LEAST_REFERENCE, Leaks, letters
from warehouse.core.comparing import units

ITEMS = pl.DataFrame(
    [
        ("sum", "What is 7 - 2?", "", "5"),
        ("tone", "Is the tone of this review good or bad?", "Cold soup, kind staff.", "Bad"),
        ("river", "Which river flows through Zürich's old town?", "", "The Limmat"),
        ("tea", "请解释为什么茶叶需要低温储存？", "", "因为高温会破坏茶叶的香气，所以要放在阴凉干燥的地方保存。"),
        ("delhi", "भारत की राजधानी कौन सा शहर है?", "", "नई दिल्ली"),
        ("seoul", "대한민국의 수도는 어디입니까?", "", "서울"),
        ("rain", "Why?", "", "Rain falls because the drops in a cloud grow too heavy."),
        ("plus", "Name the sign of a sum.", "", "+"),
        ("dots", "...", "", "..."),
        ("word", "केला", "", "फल"),
        ("paris", "ما هي عاصمة فرنسا؟", "", "باريس"),
    ],
    schema=["id", "instruction", "input", "reference"],
    orient="row",
)
RIVER = "Which river flows through Zürich's old town?"
TEA = "请解释为什么茶叶需要低温储存"


def row(instruction: str = "Do as you like.", response: str = "Gladly.", input_: str = "") -> dict[str, str]:
    return {"instruction": instruction, "input": input_, "response": response}


def item(said: dict[str, str]) -> str | None:
    found = Leaks(ITEMS).item(said)
    overlap = BenchmarkTexts(ITEMS, Decontamination(ngram=None, similarity=1.0)).overlap(said)
    assert (overlap.item if overlap else None) == found
    return found


@pytest.mark.parametrize(
    "said",
    [
        *(
            row("How many moons has Mars?", answer)
            for answer in ("5", "5.", "Bad", " BAD!", "The Limmat.", "서울", "नई दिल्ली")
        ),
        *(row("Show a sign.", answer) for answer in ("+", "-", "😀", "!", "?")),
        row("What is 7 + 2?", "9"),
        row("What is 7 * 2?", "5"),
        row("What is 7-20?", "5"),
        row("काली", "रंग"),
        row("क", "ल"),
        row("😀", "😡"),
        # An item with an input is more than its instruction.
        row("Say: is the tone of this review good or bad?", "Bad, I think", "Hot soup."),
        # Parts of an item, and short questions inside other texts.
        row("Which river flows through the old town?"),
        row("So tell me: what is 7 - 2? And 8?", "5 and 8"),
        row(response="Why? I ask."),
        row(TEA[:-2] + "吗"),
        row("茶叶需要低温储存"),
    ],
    ids=str,
)
def test_what_is_said_by_chance_is_no_leak(said: dict[str, str]) -> None:
    assert item(said) is None


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (row("what is 7-2"), "sum"),
        (row("What is 7 \u2212 2 ?"), "sum"),
        (row("ＷＨＡＴ　ＩＳ　７－２？"), "sum"),
        (row("So, what is 7 - 2?", "5."), "sum"),
        (row("is the tone of this review: good or bad", "?", "Hot soup."), "tone"),
        (row("Say: is the tone of this review good or bad?", "x", "Cold soup, kind staff. Be quick."), "tone"),
        (row("Is the tone of this review good or bad? Cold soup – kind staff"), "tone"),
        (row("So: is the tone of this review good or bad?", "Bad"), "tone"),
        (row(unicodedata.normalize("NFD", RIVER)), "river"),
        (row(f"Think first. {RIVER} Then answer."), "river"),
        (row(unicodedata.normalize("NFD", f"think: {RIVER}".upper())), "river"),
        (row(response=f"You may ask: “{RIVER}”"), "river"),
        (row(input_=f"Q: {RIVER}\nA:"), "river"),
        (row(f"你好，{TEA}？谢谢"), "tea"),
        (row(f"你好{TEA}谢谢"), "tea"),
        (row(response="因为高温会破坏茶叶的香气 所以要放在阴凉干燥的地方保存"), "tea"),
        (row("कृपया बताइए: भारत की राजधानी कौन सा शहर है? धन्यवाद"), "delhi"),
        (row("알려 주세요. 대한민국의 수도는 어디입니까?"), "seoul"),
        (row(unicodedata.normalize("NFD", "대한민국의 수도는 어디입니까")), "seoul"),
        (row(response="RAIN falls, because the drops in a cloud grow too heavy!"), "rain"),
        (row("Why?"), "rain"),
        (row(response="what is 7-2?"), "sum"),
        (row("RAIN falls, because the drops in a cloud grow too heavy!"), "rain"),
        (row("केला"), "word"),
        (row("سؤال: ما هي عاصمة فرنسا؟ شكرا"), "paris"),
        (row("..."), "dots"),
        (row("So: name the sign of a sum", "+"), "plus"),
    ],
    ids=str,
)
def test_a_benchmark_text_in_another_form_or_inside_a_sentence_is_a_leak(said: dict[str, str], expected: str) -> None:
    assert item(said) == expected


def test_a_document_is_compared_as_a_response_is() -> None:
    leaks = Leaks(ITEMS)
    assert leaks.item({"text": "Rain falls because the drops in a cloud grow too heavy"}) == "rain"
    assert leaks.item({"text": f"A quiz.\n1. {RIVER}\n2. And now?"}) == "river"
    assert leaks.item({"text": "Bad"}) is None
    assert leaks.item({"text": "Rain falls because the drops in a cloud grow too heavy to float."}) is None


@pytest.mark.parametrize("short", [False, True])
def test_the_limits_are_exact(short: bool) -> None:
    asked, answer = "a " * (LEAST_INSTRUCTION - short), "b " * (LEAST_REFERENCE - short)
    leaks = Leaks(pl.DataFrame({"instruction": [asked], "reference": [answer]}))
    assert leaks.item(row(f"x {asked} y")) == (None if short else "0")
    assert leaks.item(row(response=answer)) == (None if short else "0")
    assert leaks.item(row(asked)) == "0"


def test_a_letter_counts_by_how_much_it_says() -> None:
    texts = ("Tea, hot.", "茶很好喝。", "서울", "чай", "है", "مصر", "+ - *")
    assert [letters(units(text)) for text in texts] == [6, 8, 4, 3, 2, 4, 0]


WORDS = st.lists(st.sampled_from(["hot", "tea", "茶", "7", "+"]), min_size=1, max_size=9)


@given(asked=st.lists(WORDS, min_size=1, max_size=5), text=WORDS)
def test_contained_instructions_are_those_of_a_plain_search(asked: list[list[str]], text: list[str]) -> None:
    joined = [" ".join(part) for part in asked]
    leaks = Leaks(pl.DataFrame({"instruction": joined, "reference": ["z"] * len(joined)}))
    plain: list[Any] = [
        str(place)
        for place, part in enumerate(asked)
        if any(text[at : at + len(part)] == part for at in range(len(text)))
    ]
    assert (leaks.item(row("q", "z", " ".join(text))) is not None) == bool(plain)


def test_many_items_with_one_instruction_or_one_answer_take_no_time() -> None:
    many = pl.DataFrame(
        {
            "id": [str(place) for place in range(20_000)],
            "instruction": ["Is the tone of this review good or bad?"] * 20_000,
            "input": [f"It took {place} minutes." for place in range(20_000)],
            "reference": ["Good", "Bad"] * 10_000,
        }
    )
    leaks = Leaks(many)
    said = row("Now: is the tone of this review good or bad?", "Neither", "They say: it took 777 minutes.")
    assert {leaks.item(said) for _ in range(2000)} == {"777"}
    assert {leaks.item(row(response="Good")) for _ in range(2000)} == {None}
