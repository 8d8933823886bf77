"""Limits on words, metrics and n-grams are useless in a language whose words are not found. And for English every count
and every score must stay what it was, since published numbers and stored rows depend on them."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nltk.tokenize import wordpunct_tokenize
from rouge_score.tokenizers import DefaultTokenizer

from warehouse.core.words import folded, mostly_spaceless, tokens, tokens_and_punctuation, words_in

ASCII = st.text(alphabet=st.characters(max_codepoint=127), max_size=60)
ANY = st.text(alphabet=st.characters(exclude_categories=[]) | st.sampled_from("茶水ไทひア́ aB.\ud800"), max_size=30)
ENGLISH = DefaultTokenizer(use_stemmer=False).tokenize


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("水是无色的。", ["水", "是", "无色", "的"]),
        ("日本の首都は東京です", ["日本", "の", "首都", "は", "東京", "です"]),
        ("ประเทศไทยสวยงาม", ["ประเทศไทย", "สวยงาม"]),
        ("दिल्ली राजधानी है।", ["दिल्ली", "राजधानी", "है।"]),
        ("ما هي عاصمة مصر؟", ["ما", "هي", "عاصمة", "مصر؟"]),
        ("Москва — столица.", ["Москва", "—", "столица."]),
        ("서울은 수도입니다.", ["서울은", "수도입니다."]),
        ("the word 水 is 한국어 too", ["the", "word", "水", "is", "한국어", "too"]),
        ("。。。 ไ", ["。。。", "ไ"]),
        ("\ud800水", ["水"]),
        ("", []),
    ],
)
def test_words_are_counted_in_any_script(text: str, expected: list[str]) -> None:
    assert words_in(text) == expected


@given(text=ASCII | st.text(alphabet="aé’—ñ \n.", max_size=40))
def test_in_scripts_with_spaces_words_stand_between_them(text: str) -> None:
    assert words_in(text) == text.split()


@given(text=ASCII)
def test_tokens_of_ascii_are_those_of_rouge_score(text: str) -> None:
    assert tokens(text) == (ENGLISH(text) or [char for char in text.lower() if not char.isspace()])


def test_tokens_of_typographic_english_are_those_of_rouge_score() -> None:
    text = "It’s “new” — isn’t it… 10€?"
    assert tokens(text) == ENGLISH(text) == ["it", "s", "new", "isn", "t", "it", "10"]


@given(text=ASCII | st.text(alphabet="aé’—ñ_ \n.!", max_size=40))
def test_tokens_with_punctuation_are_those_of_nltk(text: str) -> None:
    assert tokens_and_punctuation(text) == wordpunct_tokenize(text)


def test_a_vowel_sign_belongs_to_its_word_and_scripts_without_spaces_have_words() -> None:
    assert tokens("दिल्ली है।") == ["दिल्ली", "है"]
    assert tokens_and_punctuation("दिल्ली है।") == ["दिल्ली", "है", "।"]
    assert tokens_and_punctuation("水很好喝。ok!") == ["水", "很好", "喝", "。", "ok", "!"]


@given(text=ANY)
def test_any_text_that_is_not_blank_has_tokens_in_both_normal_forms(text: str) -> None:
    assert tokens(unicodedata.normalize("NFD", text)) == tokens(text)
    assert bool(tokens(text)) == bool(folded(text).strip())
    assert all(word.strip() for word in words_in(text))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Zu\u0308rich", "ZÜRICH"),
        ("ＧＰＴ　４", "gpt 4"),
        ("ｱﾒﾘｶﾞ", "アメリガ"),
        ("soft\u00ad\u200bhyphen", "softhyphen"),
        ("STRASSE", "Straße"),
        ("ΟΔΟΣ", "οδος"),
        ("\u1112\u1161\u11ab", "한"),
        ("❤\ufe0f", "❤"),
    ],
)
def test_forms_of_the_same_text_are_equal(one: str, other: str) -> None:
    assert folded(one) == folded(other)


@pytest.mark.parametrize(("one", "other"), [("5²", "52"), ("①", "1"), ("½", "1/2"), ("é", "e"), ("か", "カ")])
def test_other_texts_are_not_equal(one: str, other: str) -> None:
    assert folded(one) != folded(other)


def test_a_text_is_mostly_spaceless_by_its_letters() -> None:
    assert mostly_spaceless("水 water 是一种饮料")
    assert not mostly_spaceless("the word 水 means water")
    assert not mostly_spaceless("...")
