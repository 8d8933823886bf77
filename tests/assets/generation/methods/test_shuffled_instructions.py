"""A control shows something only if the mismatch is real and everything else stays equal. These tests check that every
changed pair has another pair's instruction, that the responses are those of the method, and that lineage tells both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.generation.methods.shuffled_instructions import NAME, ShuffledInstructions, generate
from assets.planning.graph import steps
from resources.models.calls import Vector
from tests.support.recipes import complaints, parsed, put, starter
from warehouse.core.identity import digest
from warehouse.results.result import Result
from warehouse.results.validation import validated

OF = "instruction_generation"


def pairs(*instructions: str) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "id": digest(number),
                "method": OF,
                "level": "",
                "instruction": text,
                "input": "",
                "response": f"Text {number}.",
            }
            for number, text in enumerate(instructions)
        ]
    )


def no_embedder(texts: Sequence[str]) -> list[Vector]:
    raise AssertionError("a random swap embeds nothing")


def shuffled(frame: pl.DataFrame, seed: int = 7, **values: Any) -> Result:
    return validated(generate(frame, ShuffledInstructions(of=OF, **values), no_embedder, seed))


MANY = pairs(*(f"Question {number}?" for number in range(40)))


def test_all_pairs_get_the_instruction_of_another_and_each_is_used_once() -> None:
    found = shuffled(MANY).kept
    assert found["response"].to_list() == MANY["response"].to_list()
    assert sorted(found["instruction"]) == sorted(MANY["instruction"])
    assert all(new != old for new, old in zip(found["instruction"], MANY["instruction"], strict=True))
    assert found["method"].unique().to_list() == [NAME]


def test_a_share_changes_that_many_pairs_and_lineage_tells_which() -> None:
    result = shuffled(MANY, share=0.25)
    parents = {
        row: dict(result.edges.filter(child=row).select("role", "parent").rows()) for row in result.kept["id"].to_list()
    }
    moved = [row for row, of in parents.items() if of["response"] != of["instruction"]]
    assert len(moved) == 10
    changed = [new != old for new, old in zip(result.kept["instruction"], MANY["instruction"], strict=True)]
    assert [row in moved for row in result.kept["id"]] == changed


def test_a_larger_share_changes_what_a_smaller_one_changes_and_more() -> None:
    def changed(share: float) -> set[str]:
        found = shuffled(MANY, share=share).kept
        return set(found.filter(found["instruction"] != MANY["instruction"])["response"])

    assert changed(0.25) < changed(0.5) < changed(1.0)


def test_the_nearest_response_gives_its_instruction() -> None:
    frame = pairs("A?", "B?", "B?", "C?")
    vectors = {"Text 0.": (1.0, 0.0), "Text 1.": (0.9, 0.1), "Text 2.": (0.0, 1.0), "Text 3.": (0.1, 0.9)}

    def embed(texts: Sequence[str]) -> list[Vector]:
        return [Vector(np.array(vectors[text], dtype=np.float32), text) for text in texts]

    wanted = ShuffledInstructions(of=OF, swap="nearest", embedder="embedder")
    found = generate(frame, wanted, embed, 7).kept
    assert dict(zip(found["response"], found["instruction"], strict=True)) == {
        "Text 0.": "B?",  # of text 1
        "Text 1.": "A?",
        "Text 2.": "C?",
        "Text 3.": "B?",  # of text 2
    }


def test_pairs_that_all_ask_the_same_cannot_be_shuffled() -> None:
    assert shuffled(pairs("A?", "A?", "A?")).counts() == {("rejected", "no other instruction"): 3}
    assert shuffled(pairs("A?")).counts() == {("rejected", "no other instruction"): 1}


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(st.sampled_from(["A?", "B?", "C?", "D?"]), max_size=12),
    share=st.floats(0.01, 1),
    seed=st.integers(0, 9),
)
def test_every_pair_gets_one_decision_and_no_changed_pair_keeps_its_instruction(
    texts: list[str], share: float, seed: int
) -> None:
    frame = pairs(*texts) if texts else pairs("A?").clear()
    result = shuffled(frame, seed, share=share)
    assert len(result.decisions) == len(texts)
    of = dict(zip(frame["response"], frame["instruction"], strict=True))
    parents = {row: {parent for _, parent, _ in result.edges.filter(child=row).rows()} for row in result.kept["id"]}
    for row in result.kept.iter_rows(named=True):
        assert (len(parents[row["id"]]) == 2) == (row["instruction"] != of[row["response"]])


def recipe_with(**values: Any) -> dict[str, Any]:
    changed = put(starter(), f"generation.{NAME}", {"of": OF} | values)
    return put(changed, "arms.control", {"methods": [NAME], "filters": ["heuristics"]})


def test_the_control_reads_the_pairs_of_the_method_that_the_recipe_names() -> None:
    found = {step.asset: step for step in steps(parsed(recipe_with()))}
    assert found[f"raw_{NAME}"].inputs == {"pairs": f"raw_{OF}"}
    assert not found[f"raw_{NAME}"].calls_model
    embedding = recipe_with(swap="nearest", embedder="embedder")
    nearest = {step.asset: step for step in steps(parsed(embedding))}
    assert "models.embedder" in nearest[f"raw_{NAME}"].slice


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"of": NAME}, f"generation.{NAME}.of: found '{NAME}'; it must name another method"),
        ({"of": "magpie"}, f"generation.magpie: found nothing; generation.{NAME} needs its settings"),
        (
            {"of": OF, "swap": "nearest"},
            f"generation.{NAME}.embedder: found nothing; swap: nearest needs it; name a model",
        ),
        (
            {"of": OF, "embedder": "embedder"},
            f"generation.{NAME}.embedder: found 'embedder'; only swap: nearest uses it",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_named(values: dict[str, Any], line: str) -> None:
    assert complaints((f"generation.{NAME}", values)) == [line]
