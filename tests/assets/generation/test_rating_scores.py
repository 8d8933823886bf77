"""The score in a rating decides whether a pair is kept (arXiv 2308.06259), and models write it in many ways. Each must
be read as intended; a score on another scale, or one that a cut-off text may have changed, does not count."""

from __future__ import annotations

import pytest

from assets.generation.rating import score_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Score: 4", 4.0),
        ("**Score:** 5/5", 5.0),
        ("score = 3 out of 5.", 3.0),
        ("Overall score (1-5): <2>", 2.0),
        ("Rating: 4 - it is good.", 4.0),
        ("Score: 4.5", 4.5),
        ("Score: 2\nOn second thought. Score: 5", 5.0),
        ("Score: 4\nScore: N", None),
        ("Score: 1-5", None),
        ("Score: 4 (out of 5)", 4.0),
        ("Score: (4 / 5) It is good.", 4.0),
        ("Score: 4 points out of 5", 4.0),
        ("Score: 4 points.", 4.0),
        ("Score:\n4", 4.0),
        ("Score: 4\nOf course it could be shorter.", 4.0),
        ("Score: 4\nTo the point.", 4.0),
        ("Score: 4\n- 3 reasons are given.", 4.0),
        ("Score:\n**4**. It is good.", 4.0),
        ("Score: 4. It is good.", 4.0),
        ("Score: 4/10", None),
        ("Score: 4 (out of 10)", None),
        ("Score: 4 of 10", None),
        ("Score: 4 points out of 10", None),
        ("Score: 4 (/10)", None),
        ("Score: 4/5.5", None),
        ("Score: 4 out of 50", None),
        ("Score (out of 10): 4", None),
        ("Score:\n1. It is to the point.\n2. It is short.", None),
        ("Score:\n\n1) It is to the point.", None),
        ("Score: 5.5", None),
        ("Score: 45", None),
        ("Score: 0", None),
        ("Score: -4", None),
        ("I would give it a 5.", None),
        ("", None),
    ],
)
def test_the_score_after_its_label_is_read(text: str, expected: float | None) -> None:
    assert score_of(text, complete=True) == expected


@pytest.mark.parametrize(
    "rest", ["", ".", " o", " ou", " out", " (", " (out of", " of", " points o", "/", " -", " - 5", " t"]
)
def test_a_score_at_the_end_of_a_cut_off_text_does_not_count(rest: str) -> None:
    assert score_of(f"Score: 4{rest}", complete=False) is None


@pytest.mark.parametrize(
    "rest", ["\nIt is", ". It is", " - it is", " because it", " (good ans", "/5. It is", " out of 5\nIt"]
)
def test_a_score_that_other_words_follow_is_read_from_a_cut_off_text(rest: str) -> None:
    assert score_of(f"Score: 4{rest}", complete=False) == 4.0
