"""Validation rows must be the same in every build, share no response with the rows that are trained on, and be on
record: as losses after each epoch, and by not being parents of the checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from assets.training.validation import held_out, joined_notes, validation_notes
from tests.support.building import build, edit, planned, query, store
from warehouse.core.errors import UserError

TEXTS = [f"text {number}" for number in range(10)]


def test_rows_are_held_out_by_the_hash_of_their_response() -> None:
    chosen = {text for text, out in zip(TEXTS, held_out(TEXTS, 0.3, 7, "k"), strict=True) if out}
    assert len(chosen) == 3
    backwards = TEXTS[::-1]
    assert {text for text, out in zip(backwards, held_out(backwards, 3, 7, "k"), strict=True) if out} == chosen
    assert {text for text, out in zip(TEXTS, held_out(TEXTS, 0.3, 8, "k"), strict=True) if out} != chosen
    assert sum(held_out(TEXTS, 0.01, 7, "k")) == 1
    assert held_out(TEXTS, None, 7, "k") == [False] * 10


def test_equal_responses_are_on_one_side() -> None:
    found = held_out(["a b", "c d", "a b", "e f"], 2, 7, "k")
    assert found[0] == found[2]
    assert sum(found) in (2, 3)


def test_something_is_left_to_train_on() -> None:
    with pytest.raises(UserError) as refused:
        held_out(["a b", "a b"], 1, 7, "training.validation")
    assert str(refused.value) == (
        "training.validation: found 1; of 2 rows with 1 different responses, none would be left to train on; right "
        "would be a lower share or count"
    )


def test_a_rising_loss_is_a_warning() -> None:
    assert validation_notes({3: [2.0, 1.5, 1.75], 4: [2.0, 1.5]}, 5, "training") == {
        "examples held out": 5,
        "validation loss after each epoch": {"seed 3": [2.0, 1.5, 1.75], "seed 4": [2.0, 1.5]},
        "warnings": [
            "the validation loss of seed 3 was 1.5 after epoch 2 and rose to 1.75 at the end; fewer training.epochs "
            "may be better"
        ],
    }
    assert validation_notes({3: ()}, 0, "training") == {}
    assert joined_notes({"a": 1, "warnings": ["x"]}, {"b": 2, "warnings": ["y"]}) == {
        "a": 1, "b": 2, "warnings": ["x", "y"],
    }  # fmt: skip


def test_a_build_records_the_losses_and_trains_on_the_other_rows(own: tuple[Path, Path]) -> None:
    recipe, data = own

    def validate(values: dict[str, Any]) -> None:
        values["training"] |= {"validation": 1, "seeds": 2, "epochs": 2}
        values["generation"]["backward_model"]["validation"] = 0.25

    edit(recipe, validate)
    chosen = 'key:"students/self_training" or key:"backward_model"'
    assert planned(recipe, data)["students/self_training"].calls == 2
    log, failures = build(recipe, data, chosen)
    assert failures == []
    assert log.computed == {"backward_model": 1, "students/self_training": 2}
    for asset, rows, seeds, epochs in (("students/self_training", 2, 2, 2), ("backward_model", 12, 1, 1)):
        current = store(data).current(asset)
        assert current is not None
        notes = store(data).facts(current)["notes"]
        losses = notes["validation loss after each epoch"]
        trained = query(data, f'SELECT id, seed, examples FROM "{asset.replace("/", "__")}" ORDER BY seed')
        assert list(losses) == [f"seed {seed}" for seed in trained["seed"]]
        assert [len(found) for found in losses.values()] == [epochs] * seeds
        out = 1 if rows == 2 else 3
        assert notes["examples held out"] == out
        assert trained["examples"].to_list() == [rows - out] * seeds
        parents = query(
            data,
            f"SELECT count(*) AS n FROM lineage.edges WHERE role = 'training_row' AND child = '{trained['id'][0]}'",
        )
        assert parents["n"].item() == rows - out
    assert build(recipe, data, chosen)[0].actions == {}
