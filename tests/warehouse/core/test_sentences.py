"""An answer that was cut off ends at its last sentence. If no end of a sentence is found, the answer is lost; if one is
found where there is none, half a sentence is trained on. So the tests cut texts off in many scripts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from segtok.segmenter import split_single

from warehouse.core.sentences import sentences, whole_sentences

TEXT = st.text() | st.text(alphabet=" \n\r\t\x85\u2028\u200b0123.)(:!?\"'“”`…。aBQ」茶ไท", max_size=60)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Pesto is a sauce. It comes from", "Pesto is a sauce."),
        ("Pesto is a sauce. It comes from Genoa.", "Pesto is a sauce. It comes from Genoa."),
        ("Is it a sauce? Yes! It com", "Is it a sauce? Yes!"),
        ("  Pesto is a sauce.\n\nIt comes from", "Pesto is a sauce."),
        ('She said "Go." Then sh', 'She said "Go."'),
        ("He left. She said “Go.”", "He left. She said “Go.”"),
        ("It rains. It rains. It rains", "It rains. It rains."),
        ("She left…\nThen he w", "She left…"),
        ("Dr. Ada met Mr. Babbage at 5 p.m. today. Then e.g. he w", "Dr. Ada met Mr. Babbage at 5 p.m. today."),
        ("Well… I think we sh", ""),
        ("Pesto is a", ""),
        ("", ""),
        (" \n ", ""),
    ],
)
def test_a_text_that_was_cut_off_ends_at_its_last_whole_sentence(text: str, expected: str) -> None:
    assert whole_sentences(text, complete=False) == expected


@pytest.mark.parametrize("ending", ['!"', "?”", ".)", "!)", ".'"])
def test_a_sentence_that_ends_within_a_quotation_or_brackets_is_whole(ending: str) -> None:
    text = f"He left. She said that she would stay{ending}"
    assert whole_sentences(text, complete=False) == text


@given(text=TEXT)
def test_a_complete_text_is_only_stripped(text: str) -> None:
    assert whole_sentences(text, complete=True) == text.strip()


@given(text=TEXT)
def test_the_whole_sentences_of_any_text_are_its_beginning(text: str) -> None:
    left = whole_sentences(text, complete=False)
    assert left == left.strip()
    assert text.strip().startswith(left)


@pytest.mark.parametrize("number", ["2.", "12.", " 2. ", "２．"])
def test_the_number_of_a_list_item_is_no_sentence(number: str) -> None:
    text = f"1. Mix the flour.\n{number}"
    assert whole_sentences(text, complete=False) == "1. Mix the flour."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("水是无色的。它没有味道！所以我", "水是无色的。它没有味道！"),
        ("水是无色的.它没有味道!所以我", "水是无色的.它没有味道!"),
        ("她问：“真的吗？！”然后我", "她问：“真的吗？！”"),
        ("（水是无色的。）然后", "（水是无色的。）"),
        ("圆周率约为３．１４。面积", "圆周率约为３．１４。"),
        ("圆周率约为３．１４", ""),
        ("彼は「行こう。」、そして", ""),
        ("雨が降った。「帰ろう。」それか", "雨が降った。「帰ろう。」"),
        ("她走了……", "她走了……"),
        ("दिल्ली राजधानी है। आगरा में", "दिल्ली राजधानी है।"),
        ("هل هذا صحيح؟ نعم. ثم قا", "هل هذا صحيح؟ نعم."),
        ("یہ پہلا ہے۔ دوسر", "یہ پہلا ہے۔"),
        ("Москва — столица. Она стоит на ре", "Москва — столица."),
        ("서울은 수도입니다. 부산은 항", "서울은 수도입니다."),
        ("Երևանը մայրաքաղաք է։ Այն", "Երևանը մայրաքաղաք է։"),
        ("አዲስ አበባ ዋና ከተማ ናት። እሷ", "አዲስ አበባ ዋና ከተማ ናት።"),
        ("ភ្នំពេញជារាជធានី។ វា", "ភ្នំពេញជារាជធានី។"),
    ],
)
def test_a_text_in_any_script_ends_at_its_last_whole_sentence(text: str, expected: str) -> None:
    assert whole_sentences(text, complete=False) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ชาเป็นเครื่องดื่ม คนไทยชอบดื่ม แต่บาง", "ชาเป็นเครื่องดื่ม คนไทยชอบดื่ม"),
        ("สวัสดี! วันนี้อากา", "สวัสดี!"),
        # "." shortens a word, and the mark of repetition belongs to the word before it.
        ("กทม. เป็นเมืองใหญ่ มีคนมา", "กทม. เป็นเมืองใหญ่"),
        ("มีต่าง ๆ มากมาย", ""),
        ("ชาเป็นเครื่อง", ""),
        ("The Thai for tea is ชา ชา as he", ""),
    ],
)
def test_thai_that_was_cut_off_ends_at_its_last_phrase(text: str, expected: str) -> None:
    assert whole_sentences(text, complete=False) == expected


def test_sentences_of_scripts_without_spaces_are_counted() -> None:
    assert sentences("水是无色的。它没有味道！\n真的吗？") == ["水是无色的。", "它没有味道！", "真的吗？"]
    assert sentences("दिल्ली राजधानी है।आगरा में ताज है।") == ["दिल्ली राजधानी है।", "आगरा में ताज है।"]
    assert sentences("１．混合。") == ["１．混合。"]


@given(text=st.text(alphabet=st.characters(max_codepoint=126)) | st.text(alphabet=" \n.!?\"')ABab12", max_size=60))
def test_english_sentences_are_those_of_segtok(text: str) -> None:
    assert sentences(text) == [part.strip() for part in split_single(text) if part.strip()]
