"""The forms test shows whether a student still gives the form that is asked for. Its rule is a comparison of lengths,
so these tests fix what counts as near, what a tie is, and what its items must have."""

from __future__ import annotations

import polars as pl
import pytest

from assets.evaluation.benchmarks.forms import build_scores, compare
from tests.support.recipes import complaints
from warehouse.core.identity import digest


def text(words: int) -> str:
    return " ".join(["word"] * words)


@pytest.mark.parametrize(
    ("answer", "asked", "others", "right"),
    [
        (7, 4, (18, 50), 1.0),  # 7/4 < 18/7
        (9, 4, (18, 50), 0.0),  # 9/4 > 18/9
        (30, 50, (4, 18), 1.0),  # 50/30 = 1.67 = 30/18: as near to both, so none is nearer
        (29, 50, (4, 18), 0.0),
        (9, 18, (4, 50), 1.0),
        (64, 50, (4, 18), 1.0),
        (1, 4, (18, 50), 1.0),
        (10, 20, (5,), 1.0),  # as near to both
        (0, 4, (18, 50), 1.0),  # an empty answer counts as one word
        (0, 18, (4, 50), 0.0),
        (16, 20, (20, 60), 1.0),  # another form of the same length
    ],
)
def test_the_length_must_be_nearest_to_that_of_the_form_asked_for(
    answer: int, asked: int, others: tuple[int, ...], right: float
) -> None:
    item = {"reference": text(asked), "details": "\n\n".join(map(text, others))}
    assert compare(text(answer), item) == {"right_form": right}


def test_blank_lines_divide_the_other_forms_and_single_lines_do_not() -> None:
    item = {"reference": text(10), "details": f"{text(3)}\n{text(3)}\n \n\n{text(30)}\n"}
    assert compare(text(8), item) == {"right_form": 1.0}  # one of six words, not two of three
    assert compare(text(7), item) == {"right_form": 0.0}


def test_each_prediction_has_one_score() -> None:
    item = digest("item")
    items = pl.DataFrame({"id": [item], "reference": [text(4)], "details": [f"{text(18)}\n\n{text(50)}"]})
    predictions = pl.DataFrame(
        [
            {"id": digest(seed), "benchmark": "forms", "arm": "x", "seed": seed, "item": item, "text": text(words)}
            for seed, words in ((1, 5), (2, 40))
        ]
    )
    kept = build_scores(None, predictions, items).kept  # type: ignore[arg-type]
    assert kept.select("benchmark", "arm", "seed", "item", "metric", "value").rows() == [
        ("forms", "x", 1, item, "right_form", 1.0),
        ("forms", "x", 2, item, "right_form", 0.0),
    ]


def test_an_item_needs_the_text_in_other_forms() -> None:
    found = complaints(
        ("evaluation.forms", {"answer": {"max_new_tokens": 8}}), ("benchmark_items.0.benchmark", "forms")
    )
    assert found == ["benchmark_items.0.fields.details: found nothing; evaluation.forms needs a template for it"]
