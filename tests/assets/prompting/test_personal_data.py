"""A training set with people's addresses cannot be published, and one that loses every number is worth less. So each
kind is tested with what it must find and with what only looks like it."""

from __future__ import annotations

import polars as pl
import pytest

from assets.prompting.personal_data import personal_data
from assets.recipe.values import PersonalData

FOUND: list[tuple[PersonalData, str]] = [
    ("email", "Write to ann.lee+tea@proton.me."),
    ("email", "<mailto:A_B@mail.uni-bonn.de>"),
    ("phone", "Call +44 20 7946 0958 after six."),
    ("phone", "Telefon: +49 (0)30 901820"),
    ("card", "It was 4111 1111 1111 1111, I think."),
    ("card", "5555-5555-5555-4444"),
    ("card", "378282246310005"),
    ("iban", "Pay to DE89 3704 0044 0532 0130 00 today."),
    ("iban", "GB82WEST12345698765432"),
    ("ip", "The server at 8.8.8.8 answers."),
    ("ip", "2606:4700:4700::1111"),
]
HARMLESS: list[tuple[PersonalData, str]] = [
    ("email", "Write to ann@example.org or root@localhost, or bob@mail.example.com."),
    ("email", "He said @ann is there; 3 @ 5.20 each."),
    ("phone", "In 1998 there were 2,125,246 people; 3 + 4 = 7, +5 % and +1."),
    ("card", "4111 1111 1111 1112 has a wrong digit, 123456789 too few."),
    ("card", "0.4111111111111111 and 1234567890123456"),
    ("iban", "DE89 3704 0044 0532 0130 01 and ISBN 978 3 16 148410 0"),
    ("ip", "127.0.0.1, 192.168.0.1, 203.0.113.7 and 999.1.1.1 at 10:30:15"),
]


def pairs(*texts: str, column: str = "response") -> pl.DataFrame:
    rows = [{"id": text, "instruction": "a", "input": "", "response": "b"} | {column: text} for text in texts]
    return pl.DataFrame(rows)


@pytest.mark.parametrize(("kind", "text"), FOUND)
def test_what_it_must_find(kind: PersonalData, text: str) -> None:
    assert personal_data(pairs(text, "nothing"), [kind]) == {text: f"personal data in the response: {kind}"}


@pytest.mark.parametrize(("kind", "text"), HARMLESS)
def test_what_only_looks_like_it(kind: PersonalData, text: str) -> None:
    assert personal_data(pairs(text), [kind]) == {}


def test_every_text_of_a_pair_is_searched_and_only_for_the_kinds_that_are_named() -> None:
    for column in ("instruction", "input"):
        found = personal_data(pairs("ann@proton.me, 8.8.8.8", column=column), ["ip", "email"])
        assert [*found.values()] == [f"personal data in the {column}: ip"]
    assert personal_data(pairs(*(text for _, text in FOUND)), []) == {}
