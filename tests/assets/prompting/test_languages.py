"""A model may answer in another language than it was asked in, and nobody sees it in a table of scores. These tests
check that languages are named where a text shows them, that short texts are not guessed at, and that the shares reach
the record, the table and the report."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from assets.curation.quality import MEASURES, quality
from assets.prompting.alignment import Measured
from assets.prompting.languages import (
    MOST,
    PREFIX,
    foreign,
    language_of,
    language_of_pair,
    languages,
    languages_shown,
)
from assets.recipe.values import LANGUAGES
from assets.reporting.tables import quality_tables
from tests.support.building import query
from warehouse.core.identity import digest
from warehouse.results.validation import validated

ENGLISH = "Pesto is a sauce from Genoa. It is made of basil, oil and cheese."
GERMAN = "Pesto ist eine Soße aus Genua. Sie besteht aus Basilikum, Öl und Käse."


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (ENGLISH, "en"),
        (GERMAN, "de"),
        ("Le pesto est une sauce de Gênes à base de basilic.", "fr"),
        ("Песто — это соус из Генуи.", "ru"),
        ("这是一种来自热那亚的酱汁。", "zh"),
        ("これはジェノヴァのソースです。", "ja"),
    ],
)
def test_a_sentence_shows_its_language(text: str, language: str) -> None:
    assert language_of(text) == language


def test_the_codes_that_a_recipe_may_name_are_those_that_can_be_told_apart() -> None:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    assert {*LanguageIdentifier.from_model_file(MODEL_FILE).nb_classes} - {"zxx"} == LANGUAGES


@pytest.mark.parametrize(
    "text", ["", "ok", "Yes", "Lima", "42", "1, 2, 3, 4, 5", "Hola", "E = mc^2", "def f(x):\n    return x + 1", "..."]
)
def test_a_text_that_shows_no_language_is_unknown(text: str) -> None:
    assert language_of(text) == "unknown"


def test_a_pair_has_the_language_of_both_texts_or_both_languages() -> None:
    assert language_of_pair(ENGLISH, ENGLISH) == "en"
    assert language_of_pair(ENGLISH, "Lima") == "en"
    assert language_of_pair("Lima?", GERMAN) == "de"
    assert language_of_pair("Explain in a few sentences how Pesto is made.", GERMAN) == "en → de"
    assert language_of_pair("Lima?", "42") == "unknown"


def pair(instruction: str, response: str, input_: str = "") -> dict[str, str]:
    return {"id": digest([instruction, response]), "instruction": instruction, "input": input_, "response": response}


def test_pairs_in_another_language_than_those_wanted_are_named_with_it() -> None:
    rows = [
        pair(ENGLISH, ENGLISH),
        pair(GERMAN, "Lima"),
        pair("How is Pesto made in Genoa?", GERMAN),
        pair("Lima?", "42"),
    ]
    frame = pl.DataFrame(rows)
    assert foreign(frame, ["en"]) == {rows[1]["id"]: "language: de", rows[2]["id"]: "language: en → de"}
    assert foreign(frame, ["de", "en"]) == {}
    assert foreign(frame, []) == {}


def test_the_input_counts_with_the_instruction() -> None:
    assert languages([pair("Why?", "42", GERMAN)]) == {"de": 1.0}


def test_the_most_frequent_languages_are_named_and_the_rest_is_other() -> None:
    texts = {
        "en": ENGLISH,
        "de": GERMAN,
        "fr": "Le pesto est une sauce de Gênes à base de basilic.",
        "ru": "Песто — это соус из Генуи.",
        "zh": "这是一种来自热那亚的酱汁。",
        "ja": "これはジェノヴァのソースです。",
        "unknown": "42",
    }
    rows = [pair(text, text) for text in texts.values()]
    found = languages([*rows, rows[1], rows[0], rows[0]])
    assert MOST == 5
    assert found == pytest.approx({"en": 0.3, "de": 0.2, "fr": 0.1, "ja": 0.1, "ru": 0.1, "other": 0.2})
    assert list(found) == ["en", "de", "fr", "ja", "ru", "other"]


def test_shares_are_shown_in_percent_and_a_small_one_is_not_zero() -> None:
    values = {"gain": 0.4, f"{PREFIX}en": 97.4, f"{PREFIX}en → de": 2.2, f"{PREFIX}unknown": 0.4}
    assert languages_shown(values) == "en 97 %, en → de 2 %, unknown < 1 %"
    assert languages_shown({"gain": 0.4}) == ""


def test_the_shares_are_records_with_the_pairs_as_parents() -> None:
    frame = pl.DataFrame([pair(ENGLISH, ENGLISH), pair("Explain in a few sentences how Pesto is made.", GERMAN)])
    result = validated(quality("arm", frame, [Measured(1.0)] * 2, None))
    rows = result.kept.filter(pl.col("measure").str.starts_with(PREFIX))
    assert rows.select("measure", "value", "unit", "rows").rows() == [
        ("language: en", 50.0, "%", 2),
        ("language: en → de", 50.0, "%", 2),
    ]
    assert set(result.edges.filter(child=rows["id"][0])["parent"]) == set(frame["id"])
    assert result.notes["languages"] == "en 50 %, en → de 50 %"


def test_the_table_shows_languages_and_an_older_record_has_none() -> None:
    old = pl.DataFrame({"measure": ["gain"], "value": [0.4]})
    new = pl.DataFrame({"measure": ["gain", f"{PREFIX}en"], "value": [0.4, 100.0]})
    console = Console(width=400, record=True)
    console.print(*quality_tables({"old": old, "new": new}, 400), sep="\n")
    *_, title, old_line, new_line = (line.rstrip() for line in console.export_text().splitlines())
    lines = [old_line, new_line]
    assert title.endswith("languages")
    assert [line.split()[0] for line in lines] == ["old", "new"]
    assert [line.endswith("en 100 %") for line in lines] == [False, True]


def test_a_build_measures_the_languages_of_every_training_set(built: tuple[Path, Path]) -> None:
    _, data = built
    found = query(data, 'SELECT * FROM "quality__self_training"')
    shares = found.filter(pl.col("measure").str.starts_with(PREFIX))
    assert shares["value"].sum() == 100
    assert found.height == len(MEASURES) + shares.height
