"""A model that was trained on whole texts alone has never seen the keywords that extract-then-generate asks it about.
These tests check which fragments it is trained on, and that the setting changes nothing where it is not given."""

from __future__ import annotations

import polars as pl

from assets.planning.graph import steps
from assets.prompting.extracts import keywords
from assets.recipe.filters import Fragments
from assets.training.backward_model import flipped
from tests.support.recipes import ABSENT, complaints, parsed, put, starter
from warehouse.core.identity import digest

PESTO = "Pesto is a sauce of basil. It comes from Genoa."
SEEDS = pl.DataFrame(
    [
        {"id": digest("pesto"), "instruction": "What is Pesto?", "input": "", "response": PESTO},
        {"id": digest("dots"), "instruction": "Write dots.", "input": "", "response": "..."},
        {"id": digest("input"), "instruction": "Translate.", "input": "Ciao.", "response": "Hello."},
    ]
)


def test_each_response_also_gives_its_fragments_with_the_same_instruction() -> None:
    found = flipped(SEEDS.head(1), ["keywords", "sentence"], Fragments(keywords=2, phrase_words=1))
    shown = [PESTO, keywords(PESTO, 2, 1)]
    assert found[:2] == [(digest("pesto"), text, "What is Pesto?") for text in shown]
    assert found[2][1] in ("Pesto is a sauce of basil.", "It comes from Genoa.")


def test_a_fragment_without_a_word_and_a_seed_with_an_input_give_no_example() -> None:
    assert [row for row, _, _ in flipped(SEEDS, ["keywords"])] == [digest("pesto")] * 2


def test_only_with_the_setting_does_the_model_depend_on_how_fragments_are_cut() -> None:
    def slice_of(values: dict[str, object]) -> dict[str, object]:
        (step,) = [one for one in steps(parsed(values)) if one.asset == "backward_model"]
        return dict(step.slice)

    plain, with_fragments = starter(), put(starter(), "generation.backward_model.fragments", ["keywords"])
    assert "enhancement.fragments" not in slice_of(plain)
    assert "fragments" not in slice_of(plain)["generation.backward_model"]  # type: ignore[operator]
    assert "enhancement.fragments" in slice_of(with_fragments)


def test_fragments_need_the_settings_that_cut_them() -> None:
    found = complaints(("generation.backward_model.fragments", ["keywords"]), ("enhancement.fragments", ABSENT))
    assert "enhancement.fragments: found nothing; generation.backward_model.fragments needs its settings" in found
