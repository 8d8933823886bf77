"""What is compared with benchmark items only where it is suspect must be suspect wherever it holds one: a run that the
quick look misses is a leak that nobody sees. So it is tried against the full comparison, in any script and writing."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.curation.decontamination import BenchmarkTexts
from assets.recipe.types import Decontamination
from assets.sources.leaks import Leaks
from assets.sources.suspects import Suspects

PIECES = [
    *(
        "crush",
        "the",
        "basil",
        "Crush",
        "THE",
        "café",
        "cafe\u0301",
        "caf",
        "K",
        "\u212a",
        "ﬁsh",
        "ｂａｓｉｌ",
        "ba\u00adsil",
    ),
    *(
        "茶",
        "很好",
        "ชา",
        "काली",
        "5",
        "５",
        "+",
        "-",
        "\u2212",
        "_",
        "___",
        "...",
        "!",
        "a_b",
        "it's",
        "İ",
        "ß",
        "SS",
        "😀",
    ),
]
TEXT = st.tuples(st.lists(st.sampled_from(PIECES), max_size=9), st.sampled_from(["", " ", ", ", "\n"])).map(
    lambda said: said[1].join(said[0])
)
ITEM = st.tuples(TEXT, st.sampled_from(["", "of the cold sea"]), TEXT)


@settings(max_examples=400)
@given(st.lists(ITEM, max_size=3), st.lists(st.tuples(TEXT, TEXT, TEXT), min_size=1, max_size=6))
def test_same_overlaps_as_in_full(items: list[tuple[str, str, str]], said: list[tuple[str, str, str]]) -> None:
    """With all tests of texts: whole items, runs of words, and shares of short runs."""
    known = [(f"item {number}", *item) for number, item in enumerate(items)]
    frame = pl.DataFrame(known, schema=["id", "instruction", "input", "reference"], orient="row")
    frame = frame.cast(pl.String)
    # Rows that hold an item, with something around it.
    said = said + [(f"{asked} {text}", text, f"crush {answer}") for asked, text, answer in items]
    rows = pl.DataFrame(
        [(f"row {number}", *row) for number, row in enumerate(said)],
        schema=["id", "instruction", "input", "response"],
        orient="row",
    )
    held = BenchmarkTexts(frame, Decontamination(ngram=3, share=0.6))
    in_full = {row["id"]: found for row in rows.to_dicts() if (found := held.overlap(row))}
    assert held.overlaps(rows) == in_full
    leaks = Leaks(frame)
    whole = [row for row in rows.drop("id").to_dicts() if leaks.item(row)]
    assert leaks.holding(rows.drop("id")) == len(whole)


@pytest.mark.parametrize(
    ("runs", "suspect"),
    [
        ([("crush", "the", "basil")], ["Crush THE basil!", "First crush, the basil."]),
        ([("basil",)], ["Crush THE basil!", "First crush, the basil.", "The basil, crushed", "ｂａｓｉｌ"]),
        # Of a long run the first five words are looked up.
        ([("first", "crush", "the", "basil", "twice", "again")], []),
        ([("茶",)], ["茶很好", "ｂａｓｉｌ"]),
        ([("crush", "茶")], ["Crush THE basil!", "First crush, the basil."]),
        ([("+",)], ["Crush THE basil!", "First crush, the basil.", "The basil, crushed", "茶很好", "ｂａｓｉｌ", ""]),
        ([], []),
    ],
)
def test_only_texts_with_the_words_of_a_run_are_suspect(runs: list[tuple[str, ...]], suspect: list[str]) -> None:
    """Otherwise all would be compared in full, and nothing would be won."""
    texts = ["Crush THE basil!", "First crush, the basil.", "The basil, crushed", "茶很好", "ｂａｓｉｌ", ""]
    found = Suspects(runs).among(pl.DataFrame({"text": texts}))
    assert [text for text, one in zip(texts, found, strict=True) if one] == suspect


def test_no_text_suspects_none() -> None:
    """A training set may have no row left."""
    assert Suspects([("basil",)]).among(pl.DataFrame({"text": []}, schema={"text": pl.String})).to_list() == []
