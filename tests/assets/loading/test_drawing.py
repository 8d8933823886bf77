"""A method that draws until its arms have their rows needs an end that it can reach; without one, a build would fail
after hours, or never begin to draw. Each contradiction is one clear error."""

from __future__ import annotations

from dataclasses import replace

import pytest

from assets.generation import rounds
from assets.generation.method import methods
from assets.loading import drawing
from tests.support.recipes import complaints, parsed, put, starter

METHOD = "generation.instruction_generation"


def test_a_method_that_draws_loads() -> None:
    values = put(put(starter(), f"{METHOD}.until", "accepted"), f"{METHOD}.at_most", 120)
    assert parsed(values).part(f"{METHOD}.at_most") == 120


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        (
            {f"{METHOD}.until": "accepted"},
            f"{METHOD}.at_most: found nothing; until: accepted needs it: the most that may be drawn in all",
        ),
        (
            {f"{METHOD}.at_most": 500},
            f"{METHOD}.at_most: found 500; only until: accepted uses it; add that, or remove it",
        ),
        (
            {f"{METHOD}.until": "accepted", f"{METHOD}.at_most": 119},
            f"{METHOD}.at_most: found 119; it must be at least 120, which the first round draws",
        ),
        (
            {f"{METHOD}.until": "full", f"{METHOD}.at_most": 500},
            f"{METHOD}.until: found 'full'; there is no such value; known: accepted",
        ),
        (
            {"generation.self_training.until": "accepted", "generation.self_training.at_most": 81},
            "generation.self_training.at_most: found 81; it must be at most 80, the sum of the counts of seed_tasks",
        ),
        (
            {"generation.self_instruct.until": "accepted"},
            "generation.self_instruct.until: found 'accepted'; this method cannot draw more; these can: "
            "extract_then_generate, instruction_generation, reverse_instructions, self_training",
        ),
    ],
    ids=lambda value: value.split(":")[0] if isinstance(value, str) else "",
)
def test_each_contradiction_is_an_error(changes: dict[str, object], complaint: str) -> None:
    assert complaints(*changes.items()) == [complaint]


def test_a_method_that_reads_neither_documents_nor_seed_tasks_cannot_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = parsed(put(put(starter(), f"{METHOD}.until", "accepted"), f"{METHOD}.at_most", 120))
    blind = replace(methods()["instruction_generation"], inputs=("backward_model",))
    monkeypatch.setattr(rounds, "method_in", lambda recipe, name: blind)
    accepted = "instruction_generation reads neither documents nor a count of seed tasks, so it cannot draw more"
    assert list(drawing.drawing_faults(recipe)) == [(f"{METHOD}.until", "accepted", f"{accepted}; remove it")]


def test_methods_that_share_fragments_cannot_draw() -> None:
    other = {"method": "extract_then_generate", "instruction": {"max_new_tokens": 8}}
    found = complaints(
        ("generation.variants", {"other": other}),
        ("generation.extract_then_generate.until", "accepted"),
        ("generation.extract_then_generate.at_most", 120),
    )
    assert found == [
        "generation.extract_then_generate.until: found 'accepted'; generation.variants.other reads the same fragments; "
        "remove it"
    ]
