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


@pytest.mark.parametrize("text", ["", "…", "Été"])
def test_a_text_without_words_is_close_to_nothing(text: str) -> None:
    texts = ["", text, "a b c"]
    for other in (text, "a b c", ""):
        assert Closest(texts).to(other, -1.0) == reference(texts, other, -1.0)
    assert Closest().to(text, -1.0) is None


@given(
    texts=st.lists(WORDS | st.text(max_size=12), max_size=12), text=WORDS, above=st.sampled_from([-1.0, 0.0, 0.5, 0.7])
)
def test_any_texts_get_the_scores_of_the_published_scorer(texts: list[str], text: str, above: float) -> None:
    assert Closest(texts).to(text, above) == reference(texts, text, above)


def test_a_bound_is_rounded_as_the_score_is() -> None:
    # For 7 of 8 and 7 of 12 words the scorer's quotient is slightly above 0.7, for 7 of 10 and 7 of 10 it is 0.7.
    for common, extra, other in product(range(1, 15), range(12), range(12)):
        words = [f"w{number}" for number in range(common)]
        texts = [" ".join([*words, *(f"x{number}" for number in range(extra))])]
        text = " ".join([*words, *(f"y{number}" for number in range(other))])
        assert Closest(texts).to(text, 0.7) == reference(texts, text, 0.7)
