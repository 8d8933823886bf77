"""A text of a row or a server can steer the terminal that shows it: move the cursor, change the title, hide or reorder
what is read. Printed texts must show such characters, and all languages must stay readable."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.core.visible import visible, visible_json


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;title\x07 \x1b[2J", r"\x1b]0;title\x07 \x1b[2J"),
        ("a\x9b31mred", r"a\x9b31mred"),
        ("back\b\b\bspace\r\x7f\x00", r"back\x08\x08\x08space\r\x7f\x00"),
        ("pay\u202egnp.exe\u2066x\u2069", r"pay\u202egnp.exe\u2066x\u2069"),
        ("zero\u200bwidth\ufeff", r"zero\u200bwidth\ufeff"),
        ("tag\U000e0041", r"tag\U000e0041"),
        ("line\u2028two", r"line\u2028two"),
        ("half \ud83d", r"half \ud83d"),
    ],
)
def test_what_steers_a_terminal_or_cannot_be_seen_is_an_escape(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "two\nlines\tand a tab",
        "no\u00a0break, l’été, ∑ → x",
        "日本語\u3000の文",
        "می\u200cخواهم",
        "क्\u200dष",
        "👩\u200d🔬 ✓️",
        r"C:\x1b",
    ],
)
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert visible(text) == text


def test_line_breaks_are_escaped_where_a_text_is_one_line() -> None:
    assert visible("a\nb\tc", kept="") == r"a\nb\tc"


@given(st.text(st.characters()))
def test_json_keeps_its_value_and_has_no_hidden_character(text: str) -> None:
    written = visible_json(json.dumps({"text": [text]}, ensure_ascii=False, indent=1))
    assert json.loads(written) == {"text": [text]}
    kept = "\u200c\u200d\n"
    assert [one for one in written if unicodedata.category(one) in ("Cc", "Cf", "Cs") and one not in kept] == []
