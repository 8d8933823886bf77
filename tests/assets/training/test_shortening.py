"""A recipe over long human answers must train a backward model: its prompt holds the answer, and the instruction that
is learned stands after it. So texts are cut, only as far as needed, and the build says how many."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from assets.training.shortening import SHORTENED, shortened, shortening_notes
from resources.models.calls import Prompt
from resources.tools.tools import Tools
from tests.assets.training.test_truncation import rows, run
from tests.support.building import edit
from warehouse.results.result import WARNINGS
from warehouse.schema.records import SeedTask


def words(examples: Sequence[tuple[Prompt, str]]) -> list[int]:
    """A word is a token; the question after the text has 6."""
    return [len(f"{prompt.messages[-1][1]} {completion}".split()) for prompt, completion in examples]


def numbers(count: int) -> str:
    return " ".join(str(number) for number in range(count))


@pytest.mark.parametrize(
    ("count", "instruction", "kept", "size"),
    [
        (11, "Count to ten.", 11, 20),
        (12, "Count to ten.", 11, 20),
        (900, "Count to ten.", 11, 20),
        (30, "a " * 15, 0, 21),
    ],
)
def test_a_text_keeps_the_beginning_that_fits(count: int, instruction: str, kept: int, size: int) -> None:
    found, sizes = shortened([numbers(3), numbers(count)], ["Count.", instruction], 20, words)
    assert found[0] == numbers(3)
    assert found[1] == " ".join(numbers(count).split()[: len(found[1].split())])
    assert kept - 4 <= len(found[1].split()) <= kept
    assert size - 4 <= sizes[1] <= size


def test_texts_of_unknown_size_stay_as_they_are() -> None:
    assert shortened(["a b"], ["Count."], 1, lambda _: []) == (["a b"], [])


def test_the_number_of_shortened_texts_is_shown() -> None:
    assert shortening_notes(["a b", "c d"], ["a b", "c"], 20, "key") == {
        SHORTENED: 1,
        WARNINGS: ["1 of 2 texts are read without their end, to fit key.max_tokens (20)"],
    }
    assert shortening_notes(["a b"], ["a b"], 20, "key") == {}


def test_the_backward_model_is_trained_on_long_answers(tiny: Path) -> None:
    def change(values: dict[str, Any]) -> None:
        values["generation"]["backward_model"] |= {"max_tokens": 40, "epochs": 1}

    edit(tiny, change)
    seeds = rows(SeedTask, ["the river is old .", "the river " * 300])
    found = run(tiny, "backward_model", Tools, seed_tasks=seeds)
    assert found.notes[SHORTENED] == 1
    assert found.notes["examples cut at max_tokens"] == 0
    assert found.kept["examples"].to_list() == [2]
