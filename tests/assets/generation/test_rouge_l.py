"""ROUGE-L decides whether an instruction is new. A bound skips most pairs, so the tests compare the results with the
published scorer to the last bit: at the cut, rounding would change a decision."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from assets.generation.rouge_l import Closest

SCORER = RougeScorer(["rougeL"], use_stemmer=False)
TEXTS = (
    "茶是一种饮料。",
    "私は茶が好きです。",
    "ชาเป็นเครื่องดื่ม",
    "काली बिल्ली",
    "ما هي عاصمة مصر؟",
    "Как дела?",
    "안녕하세요.",
)
ASCII = st.text(alphabet=st.characters(max_codepoint=127), max_size=12).filter(lambda text: any(map(str.isalnum, text)))
WORDS = st.lists(st.sampled_from(["a", "b", "c", "d", "A", "e."]), max_size=9).map(" ".join)


def reference(texts: list[str], text: str, above: float) -> tuple[int, float] | None:
    """The same result by comparing with every text."""
    found = None
    for place, other in enumerate(texts):
        score = float(SCORER.score(other, text)["rougeL"].fmeasure)
        if score > above:
            found, above = (place, score), score
    return found


def test_the_closest_of_texts_is_found_with_its_score() -> None:
    texts = ["Bake rye bread.", "Name a red fish.", "Name a red fruit bowl.", "fruit red a Name"]
    assert Closest(texts).to("Name a red fruit.", 0.7) == (2, pytest.approx(8 / 9))
    assert Closest(texts[:2]).to("Name a red fruit.", 0.7) == (1, 0.75)
    assert Closest(texts[:2]).to("Name a red fruit.", 0.75) is None
    assert Closest(texts[3:]).to("Name a red fruit.", -1.0) == (0, 0.25)


@pytest.mark.parametrize("text", ["", " \n"])
def test_a_blank_text_is_close_to_nothing(text: str) -> None:
    texts = ["", text, "a b c"]
    for other in (text, "a b c", ""):
        assert Closest(texts).to(other, -1.0) == reference(texts, other, -1.0)
    assert Closest().to(text, -1.0) is None


@pytest.mark.parametrize("text", [*TEXTS, "…", "+", "😀"])
def test_a_text_in_any_script_is_closest_to_itself(text: str) -> None:
    assert Closest(["a b", text]).to(text, 0.0) == (1, 1.0)
    assert Closest(["a b"]).to(text, 0.0) is None


def test_words_of_any_script_are_counted_in_their_order() -> None:
    # ICU: 茶 是 一种 饮料 and 水 是 一种 饮料.
    assert Closest(["茶是一种饮料。"]).to("水是一种饮料！", 0.0) == (0, 0.75)
    assert Closest(["दिल्ली राजधानी है।"]).to("मुंबई राजधानी है", 0.0) == (0, pytest.approx(2 / 3))


@given(texts=st.lists(WORDS | ASCII, max_size=12), text=WORDS, above=st.sampled_from([-1.0, 0.0, 0.5, 0.7]))
def test_any_texts_get_the_scores_of_the_published_scorer(texts: list[str], text: str, above: float) -> None:
    assert Closest(texts).to(text, above) == reference(texts, text, above)


def test_a_bound_is_rounded_as_the_score_is() -> None:
    # For 7 of 8 and 7 of 12 words the scorer's quotient is slightly above 0.7, for 7 of 10 and 7 of 10 it is 0.7.
    for common, extra, other in product(range(1, 15), range(12), range(12)):
        words = [f"w{number}" for number in range(common)]
        texts = [" ".join([*words, *(f"x{number}" for number in range(extra))])]
        text = " ".join([*words, *(f"y{number}" for number in range(other))])
        assert Closest(texts).to(text, 0.7) == reference(texts, text, 0.7)
