"""A benchmark text with a few words changed shares no run of 13 words, yet a student that has seen it knows the answer.
These tests check which share is found, against counting by hand and by brute force."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.curation.decontamination import SHARE, BenchmarkTexts, Overlap
from assets.curation.runs import runs
from assets.curation.shared_runs import SharedRuns
from assets.recipe.types import Decontamination
from warehouse.core.identity import digest

PESTO = digest("pesto")
TEXT = "Crush the basil with salt in a mortar, then add the oil slowly, drop by drop, and stir until it is smooth."
ITEMS = pl.DataFrame(
    [(PESTO, "Tell me how this sauce is made.", "", TEXT)],
    schema=["id", "instruction", "input", "reference"],
    orient="row",
)
WORDS = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=14).map(" ".join)


def test_the_share_is_that_of_the_worked_example() -> None:
    found = SharedRuns([("one", "crush the basil with salt")], run=2, least=4)
    assert found.largest("First crush the basil with oil") == ("one", 0.75)
    assert found.largest("Grind the oil") is None
    assert SharedRuns([("one", "crush the basil with")], run=2, least=4).largest("crush the basil with") is None


@given(texts=st.lists(WORDS, max_size=4), row=WORDS, run=st.integers(1, 3))
def test_the_largest_share_is_that_of_a_brute_force_search(texts: list[str], row: str, run: int) -> None:
    found = SharedRuns([(str(place), text) for place, text in enumerate(texts)], run, least=1).largest(row)
    has = {*runs(row, run)}
    shares = [len({*runs(text, run)} & has) / len({*runs(text, run)}) if {*runs(text, run)} else 0.0 for text in texts]
    best = max(shares, default=0.0)
    assert found == ((str(shares.index(best)), best) if best else None)


CHANGED = TEXT.replace("basil", "herb").replace("oil", "fat").replace("smooth", "even")


@pytest.mark.parametrize(("share", "found"), [(0.5, True), (0.51, False)])
def test_a_reworded_copy_is_found_by_its_share_alone(share: float, found: bool) -> None:
    """Of the 18 runs of its 22 words, 3 have the word that was "basil", 5 have "oil" and 1 has "smooth"."""
    row = {"instruction": "How is it made?", "input": "", "response": f"Well: {CHANGED}"}
    assert BenchmarkTexts(ITEMS, Decontamination()).overlap(row) is None
    overlap = BenchmarkTexts(ITEMS, Decontamination(share=share)).overlap(row)
    assert overlap == (Overlap(SHARE, PESTO, 0.5, share) if found else None)
