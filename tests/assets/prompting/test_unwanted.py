"""A refusal in a training set teaches refusing. So the tables have what models write instead of an answer, in several
languages, and beside them honest texts with the same words, which must be kept."""

from __future__ import annotations

import time

import polars as pl
import pytest

from assets.enhancement.filtering import decide
from assets.prompting.unwanted import UNWANTED, unwanted
from assets.recipe.filters import Heuristics
from tests.support.measured import pair
from tests.support.recipes import complaints

REFUSALS = [
    "I'm sorry, but as an AI language model I cannot help with that request. Please ask something else instead.",
    "I’m sorry, but I can’t assist with that.",
    "I am very sorry. I'm not able to provide information about this.",
    "Sorry, I can't help.",
    "As an AI language model, I do not have personal opinions.",
    "As a large language model, my knowledge ends in 2023.",
    "Unfortunately, I cannot fulfill your request.",
    "I cannot create that content.",
    "I'm unable to assist with this.",
    "I apologize, but I can't answer that question.",
    "That is hard to say. Since I'm an AI, I have no taste.",
    "Es tut mir leid, aber ich kann dabei nicht helfen.",
    "Als KI kann ich keine Meinung haben.",
    "Je suis désolé, mais je ne peux pas répondre.",
    "En tant que modèle de langage, je n'ai pas d'avis.",
    "Lo siento, pero no puedo ayudar con eso.",
    "Como modelo de lenguaje, no tengo opiniones.",
    "Извините, но я не могу помочь.",
    "很抱歉，我无法回答这个问题。",
    "作为一个人工智能语言模型，我没有意见。",
    "申し訳ありませんが、お答えできません。",
]
PLACEHOLDERS = [
    "Dear [Your Name], thank you for the letter.",
    "Dear Ann, I work at [Company's name] in Rome.",
    "[Insert your answer here]",
    "Write to <insert address> today.",
    "<noinput>",
    "The input is <No Output>.",
    "Nooutput",
    "No output needed.",
    "N/A",
    "None.",
    "…",
    "...",
    "Lorem ipsum dolor sit amet.",
]
HONEST = [
    "It is a sauce from Genoa, made of basil, nuts and oil.",
    "\"I'm sorry, but I can't go,\" she said, and closed the door.",
    "I am sorry for the noise that we made last night.",
    "Sorry is a word of regret.",
    "I cannot help but notice that the sea is calm.",
    "I can't write poems, but I love to read them.",
    "An AI language model predicts the next word of a text.",
    "Explain how you work as an AI language model.",
    "See [your guide](https://example.org) or [1].",
    "The value `<no>` is not an input.",
    "None of the four is right.",
    "He wrote n/a in the form.",
    "Als Kind war ich oft in Rom.",
    "Como fruta todos los días.",
    "作为一个国家，它很大。",
    "x[insert] = 1",
]


def reasons(*texts: str, **given: tuple[str, ...]) -> list[str | None]:
    pairs = [pair(number, response=text) for number, text in enumerate(texts)]
    found = unwanted(pl.DataFrame(pairs), given)
    return [found.get(one["id"]) for one in pairs]


@pytest.mark.parametrize(("name", "texts"), [("refusal", REFUSALS), ("placeholder", PLACEHOLDERS)])
def test_what_stands_for_an_answer_is_found(name: str, texts: list[str]) -> None:
    assert [(reason or "").split(":")[0] for reason in reasons(*texts)] == [f"{name} in the response"] * len(texts)


def test_an_honest_text_with_the_same_words_is_not() -> None:
    assert dict(zip(HONEST, reasons(*HONEST), strict=True)) == dict.fromkeys(HONEST)


def test_an_instruction_is_searched_too() -> None:
    pairs = pl.DataFrame([pair(0, instruction="Write to [Insert name]"), pair(1)])
    assert list(unwanted(pairs, None)) == [pair(0)["id"]]
    assert next(iter(unwanted(pairs, None).values())).startswith("placeholder in the instruction: (?i)")


def test_a_list_of_the_recipe_replaces_the_one_of_its_name_and_an_empty_one_switches_it_off() -> None:
    texts = ("N/A", "I'm sorry, but I can't assist with that.", "Tea, as they say.")
    assert [bool(reason) for reason in reasons(*texts)] == [True, True, False]
    assert [bool(reason) for reason in reasons(*texts, placeholder=())] == [False, True, False]
    assert reasons(*texts, placeholder=(), refusal=(), chatter=("(?i)as they say",)) == [
        None,
        None,
        "chatter in the response: (?i)as they say",
    ]


def test_the_reason_is_in_the_decision_and_comes_before_the_lengths() -> None:
    pairs = [pair(0, response="N/A"), pair(1)]
    rules = Heuristics(instruction_words=(1, 9), unwanted={"thing": ("a thing",)})
    result = decide({"self_training": pl.DataFrame(pairs)}, {}, rules, None)
    assert [(outcome, reason.split(":")[0]) for outcome, reason in result.counts()] == [
        ("rejected", "placeholder in the response"),
        ("rejected", "thing in the response"),
    ]
    assert decide({"self_training": pl.DataFrame(pairs)}, {}, None, None).counts() == {("kept", ""): 2}


@pytest.mark.parametrize(
    ("pattern", "fault"),
    [
        ("(", "unclosed group"),
        ("a(?=b)", "look-around, including look-ahead and look-behind, is not supported"),
        (r"(a)\1", "backreferences are not supported"),
        ("(a{1000}){1000}", "Compiled regex exceeds size limit of 10485760 bytes."),
    ],
)
def test_a_pattern_that_cannot_be_read_is_refused_with_the_recipe(pattern: str, fault: str) -> None:
    assert complaints(("enhancement.heuristics.unwanted", {"refusal": [pattern]})) == [
        f"enhancement.heuristics.unwanted.refusal.0: found {pattern!r}; it must be a regular expression as Rust has "
        f"them (https://docs.rs/regex): {fault}"
    ]


def test_a_pattern_that_every_text_has_is_refused() -> None:
    assert complaints(("enhancement.heuristics.unwanted", {"refusal": [".*"]})) == [
        "enhancement.heuristics.unwanted.refusal.0: found '.*'; it is found in every text; make it say what is unwanted"
    ]


def test_no_pattern_takes_long() -> None:
    """A pattern such as (a+)+b takes exponential time in engines that backtrack."""
    texts = ["a" * 200_000, "I'm sorry " * 20_000, "[your " * 30_000, "as an AI " * 20_000, "\n" * 200_000]
    began = time.monotonic()
    reasons(*texts, slow=("(a+)+b", "(?i)(?:x*)*y"))
    assert time.monotonic() - began < 10
    assert set(UNWANTED) == {"refusal", "placeholder"}
