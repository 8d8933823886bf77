"""Nobody reads ten thousand pairs. These tests check the numbers that stand for them against hand-computed values, that
a training set with foreign instructions is told from one with its own, and that the warning names the worst rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from assets.curation.quality import CHECK, MEASURES, of_gains, of_ranks, of_texts, quality, ranks
from assets.prompting.alignment import Measured
from assets.prompting.languages import PREFIX
from resources.models.calls import Vector
from tests.support.building import query, store
from warehouse.core.identity import digest
from warehouse.results.validation import validated

EYE = np.eye(3)


def pairs(*texts: tuple[str, str]) -> pl.DataFrame:
    rows = [
        {"id": digest(number), "instruction": asked, "input": "", "response": said}
        for number, (asked, said) in enumerate(texts)
    ]
    return pl.DataFrame(rows)


def test_an_instruction_that_is_nearest_to_its_own_response_has_the_rank_1() -> None:
    assert ranks(EYE, EYE, ["x", "y", "z"]) == [1, 1, 1]
    # The first instruction is nearest to the second response, the second one to the first.
    assert ranks(EYE[[1, 0, 2]], EYE, ["x", "y", "z"]) == [2, 2, 1]


def test_equal_responses_count_as_one() -> None:
    responses = np.array([[1.0, 0.0], [1.0, 0.0], [0.8, 0.6]])
    instructions = np.array([[0.8, 0.6], [1.0, 0.0], [0.8, 0.6]])
    assert ranks(instructions, responses, ["Same.", "same", "other"]) == [2, 1, 1]


def test_a_large_set_is_compared_in_blocks() -> None:
    draw = np.random.default_rng(1)
    instructions, responses = draw.normal(size=(2, 2500, 4))
    similarity = instructions @ responses.T
    expected = [1 + int((row > row[place]).sum()) for place, row in enumerate(similarity)]
    assert ranks(instructions, responses, [str(number) for number in range(2500)]) == expected


def test_the_shares_follow_from_the_ranks() -> None:
    """Of 20 responses the nearest tenth are 2."""
    found = [1] * 10 + [2] * 5 + [4] * 5
    assert of_ranks(found) == pytest.approx({"retrieval_at_1": 0.5, "mrr": (10 + 5 / 2 + 5 / 4) / 20, "generic": 0.25})


def test_texts_are_counted_without_a_model() -> None:
    frame = pairs(
        ("What is the sea like?", "It is blue."),
        ("what is the  SEA like?", "It is deep."),
        ("Name a fish.", "Name a fish: cod."),
        ("Who was Ada?", "A writer of notes."),
    )
    assert of_texts(frame.to_dicts()) == pytest.approx(
        {"distinct": 0.75, "same_opening": 0.5, "copied": 0.25, "instruction_words": 4, "response_words": 3.5}, abs=0.13
    )


def test_the_mean_gain_leaves_out_pairs_without_one() -> None:
    found = [Measured(0.8), Measured(None), Measured(0.5), Measured(-0.1)]
    assert of_gains(found) == {"gain": pytest.approx(0.4), "unhelpful": pytest.approx(1 / 3)}
    assert of_gains([Measured(None)]) == {}


def test_the_check_warns_with_the_worst_pairs_and_blocks_nothing() -> None:
    frame = pairs(("A?", "a"), ("B?", "b"), ("C?", "c"), ("D?", "d"))
    found = [Measured(0.5, 3, ("k",)), Measured(-0.2), Measured(0.3), Measured(0.9)]
    result = validated(quality("arm", frame, found, None))
    (check,) = result.checks
    assert (check.name, check.passed) == (CHECK, False)
    assert check.facts == {
        "unhelpful": 0.25,
        "most": 0.1,
        "worst 1": "gain -0.20: B? → b",
        "worst 2": "gain 0.30: C? → c",
        "worst 3": "gain 0.50: A? → a",
    }
    assert sorted(result.notes["random rows"]) == ["A? → a", "B? → b", "C? → c", "D? → d"]
    assert result.notes["gain"] == 0.375
    assert "retrieval_at_1" not in result.kept["measure"].to_list()
    roles = {
        row["measure"]: result.edges.filter(child=row["id"])["role"].to_list()
        for row in result.kept.iter_rows(named=True)
    }
    assert roles["gain"] == ["measured"] * 4 + ["call"]
    assert roles["distinct"] == ["measured"] * 4


def test_own_instructions_are_told_from_foreign_ones() -> None:
    frame = pairs(("A?", "a"), ("B?", "b"), ("C?", "c"))
    own = [Vector(row.astype(np.float32), "") for row in (*EYE, *EYE)]
    foreign = [Vector(row.astype(np.float32), "") for row in (*EYE[[1, 2, 0]], *EYE)]
    found = [
        dict(quality("arm", frame, [Measured(1.0)] * 3, vectors).kept.select("measure", "value").rows())
        for vectors in (own, foreign)
    ]
    assert [(one["retrieval_at_1"], one["generic"]) for one in found] == [(100, 0), (0, 100)]


def test_a_build_measures_every_training_set(built: tuple[Path, Path]) -> None:
    _, data = built
    found = query(data, 'SELECT * FROM "quality__self_training"')
    numbers = [name for name in found["measure"] if not name.startswith(PREFIX)]
    assert numbers == [one.name for one in MEASURES]
    assert found["rows"].unique().to_list() == [2]
    published = store(data).current("quality/self_training")
    assert published is not None
    assert [check["name"] for check in store(data).facts(published)["checks"]].count(CHECK) == 1
