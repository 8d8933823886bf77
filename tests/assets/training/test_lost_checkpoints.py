"""The files of a checkpoint are outside the database. Where they are lost or altered, nothing may be computed from
them: the next build makes them again, or refuses where the training is not selected, and the audit reports them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assets.building.run import Failure
from resources.models import trainer
from tests.support.building import build, edit, planned, query, store
from warehouse.audit.integrity import integrity
from warehouse.store.answer_digests import add_answer_digests
from warehouse.store.checkpoints import SETTINGS, WEIGHTS, CheckpointFiles

ARM = "self_training"
STUDENT = f"students/{ARM}"


def folder(data: Path) -> Path:
    """The folder of the student of ARM."""
    (training,) = query(data, f"SELECT training FROM students__{ARM}")["training"]
    return data / "checkpoints" / training


def flip(file: Path) -> None:
    """Changes the last byte, which leaves weights readable."""
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(bytes(content))


def scale(file: Path) -> None:
    """Makes the adapter twice as strong."""
    settings = json.loads(file.read_text())
    file.write_text(json.dumps(settings | {"lora_alpha": 2 * settings["lora_alpha"]}))


def replace_by_file(place: Path) -> None:
    shutil.rmtree(place)
    place.write_text("not a folder")


DAMAGES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "deleted": (shutil.rmtree, "it is missing"),
    "a file in its place": (replace_by_file, "it is a file, not a folder"),
    "other weights": (lambda place: flip(place / WEIGHTS), f"changed: {WEIGHTS}"),
    "cut weights": (lambda place: (place / WEIGHTS).write_bytes(b"x"), f"changed: {WEIGHTS}"),
    "no weights": (lambda place: (place / WEIGHTS).unlink(), f"missing: {WEIGHTS}"),
    "other settings": (lambda place: scale(place / SETTINGS), f"changed: {SETTINGS}"),
    "other tokenizer": (lambda place: flip(place / "tokenizer.json"), "changed: tokenizer.json"),
    "another file": (lambda place: (place / "adapter_model.bin").touch(), "not from the training: adapter_model.bin"),
}


def longer_answers(recipe: dict[str, Any]) -> None:
    recipe["evaluation"]["longform"]["answer"] = {"max_new_tokens": 5}


@pytest.mark.parametrize("damage", DAMAGES)
def test_audit_and_plan_find_a_damaged_checkpoint(damage: str, own: tuple[Path, Path]) -> None:
    recipe, data = own
    place = folder(data)
    change, fault = DAMAGES[damage]
    change(place)
    (finding,) = integrity(store(data).database)
    assert (finding.rule, finding.rows) == ("checkpoints", 1)
    assert finding.ids == (f"checkpoints/{place.name}: {fault}",)
    plan = planned(recipe, data)
    assert {asset for asset, one in plan.items() if one.state == "stale"} == {STUDENT}
    assert plan[STUDENT].reasons == finding.ids
    assert plan[STUDENT].calls == 1


@pytest.mark.parametrize("damage", ["a file in its place", "cut weights", "other settings"])
def test_a_damaged_checkpoint_is_made_again(damage: str, own: tuple[Path, Path]) -> None:
    recipe, data = own
    place = folder(data)
    whole = {file.name: file.read_bytes() for file in place.iterdir()}
    before = query(data, "SELECT id FROM records.checkpoint ORDER BY id")["id"].to_list()
    change, _ = DAMAGES[damage]
    change(place)
    log, failures = build(recipe, data)
    assert failures == []
    assert {asset: calls for asset, calls in log.computed.items() if calls} == {STUDENT: 1}
    assert {file.name: file.read_bytes() for file in place.iterdir()} == whole
    assert integrity(store(data).database) == []
    assert query(data, "SELECT id FROM records.checkpoint ORDER BY id")["id"].to_list() == before
    assert build(recipe, data)[0].actions == {}


@pytest.mark.parametrize("damage", ["deleted", "other settings"])
def test_nothing_is_answered_by_a_damaged_checkpoint(damage: str, own: tuple[Path, Path]) -> None:
    recipe, data = own
    place = folder(data)
    change, fault = DAMAGES[damage]
    change(place)
    edit(recipe, longer_answers)
    calls = query(data, "SELECT count(*) FROM memo.calls").item()
    _, failures = build(recipe, data, f'key:"predictions/longform/{ARM}"')
    assert failures == [
        Failure(
            f"predictions/longform/{ARM}",
            f"the checkpoint {place} is not what its training wrote: {fault}; "
            f"slingshot build '{STUDENT}' makes it again",
            "",
        )
    ]
    assert query(data, "SELECT count(*) FROM memo.calls").item() == calls
    log, failures = build(recipe, data, f'key:"{STUDENT}" or key:"predictions/longform/{ARM}"')
    assert failures == []
    assert log.computed == {STUDENT: 1, f"predictions/longform/{ARM}": 2}


def test_a_training_that_gives_other_weights_is_a_new_version(
    own: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on another machine. The rows of the stored version stay as they are, and what follows is computed again."""
    recipe, data = own
    place = folder(data)
    old = store(data).current(STUDENT)
    assert old is not None
    train = trainer.train_adapter

    def other_machine(base: Path, examples: Any, settings: Any, target: Path, *rest: Any) -> Any:
        made = train(base, examples, settings, target, *rest)
        flip(target / WEIGHTS)
        weights = CheckpointFiles(store(data).database).found(target.name)[WEIGHTS]
        notes = json.loads((target / trainer.OUTCOME).read_text())
        (target / trainer.OUTCOME).write_text(json.dumps(notes | {"weights": weights}))
        return replace(made, weights=weights)

    monkeypatch.setattr(trainer, "train_adapter", other_machine)
    shutil.rmtree(place)
    log, failures = build(recipe, data)
    assert failures == []
    assert log.actions[STUDENT] == log.actions[f"predictions/longform/{ARM}"] == "built"
    new = store(data).current(STUDENT)
    assert new is not None
    assert (new.attempt, old.attempt) == (1, 0)
    assert store(data).read(old)["weights"][0] != store(data).read(new)["weights"][0]
    assert build(recipe, data)[0].actions == {}
    assert integrity(store(data).database) == []


def test_checkpoints_from_before_their_files_were_on_record_are_compared_by_their_weights(
    own: tuple[Path, Path],
) -> None:
    recipe, data = own
    with store(data).database.write() as connection:
        connection.execute(
            "UPDATE memo.calls SET response = json_merge_patch(response, '{\"files\": null}'), answer_digest = NULL "
            "WHERE kind = 'training'"
        )
        add_answer_digests(connection)
    assert integrity(store(data).database) == []
    assert build(recipe, data)[0].actions == {}
    flip(folder(data) / WEIGHTS)
    (finding,) = integrity(store(data).database)
    assert finding.ids == (f"checkpoints/{folder(data).name}: changed: {WEIGHTS}",)


def test_a_file_is_read_once(own: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    from warehouse.core import file_digests

    _, data = own
    read: list[Path] = []
    digest = file_digests.file_digest
    monkeypatch.setattr(file_digests, "file_digest", lambda file: (read.append(file), digest(file))[1])
    files = CheckpointFiles(store(data).database)
    for _ in range(3):
        assert files.fault(folder(data).name) is None
    assert sorted(read) == sorted(folder(data).iterdir())
