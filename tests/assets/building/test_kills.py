"""A build may be killed at any moment. The next one continues, computes no stored call again, and ends with the same
content as a build that was never killed.

The long form is `python -m pytest tests/assets/building/test_kills.py --kills 100`.
"""

from __future__ import annotations

import json
import random
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from assets.building.dagster_home import dagster_instance
from assets.building.dead_runs import UNFINISHED
from resources.models import weights
from resources.models.calls import Prompt, Training
from resources.models.trainer import OUTCOME, _last_complete_checkpoint, train_adapter
from tests.support.building import edit
from tests.support.killing import Event, content, kill_oneself, killed_builds, process, repeated
from warehouse.store.calls import Answer, Call, Work
from warehouse.store.file_warehouse import FileWarehouse
from warehouse.store.memo import Memo

KILLS_OF_A_WAREHOUSE = 12
CHECKPOINT_EVERY = 2


def quick(recipe: dict[str, Any]) -> None:
    """Keeps two arms, makes each training save several checkpoints, and commits few calls at a time."""
    recipe["chunk"] = 4
    for arm in ("self_instruct", "instruction_generation"):
        del recipe["arms"][arm]
    for training in (recipe["generation"]["backward_model"], recipe["training"]):
        training |= {"epochs": 2, "checkpoint_every": CHECKPOINT_EVERY}
    recipe["curation"]["rows"] = 5


def unfinished_runs(data: Path) -> list[str]:
    """The runs that the UI shows as running, or as about to run."""
    with dagster_instance(data) as instance:
        return [run.run_id for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))]


def assert_trainings_resume(builds: list[list[Event]]) -> None:
    """Each training resumes at most one checkpoint interval earlier, and never after it has ended."""
    last: Counter[str] = Counter()
    ended: set[str] = set()
    for events in builds:
        here: set[str] = set()
        for what, of in events:
            if what == "batch":
                ended.update(call.split()[0] for call in of)
            elif what == "step":
                training, step = of
                assert training not in ended
                assert last[training] - (0 if training in here else CHECKPOINT_EVERY) < step <= last[training] + 1
                here.add(training)
                last[training] = step


@pytest.mark.parametrize("engine", ["transformers", "openvino"])
def test_killed_builds_end_with_the_content_of_an_undisturbed_build(
    engine: str, tiny: Path, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    edit(tiny, quick)
    edit(tiny, lambda recipe: recipe["models"]["generator"].update(engine=engine))
    draw = random.Random(2308)
    (events,) = killed_builds(tiny, tmp_path / "undisturbed", 0, draw, 0)
    expected = content(tmp_path / "undisturbed" / "data")
    assert expected["memo.failures"] == []
    assert expected["left"] == []
    left: int = pytestconfig.getoption("--kills")
    warehouses, lost, struck = 0, 0, Counter[str]()
    while left > 0:
        folder = tmp_path / f"killed_{warehouses}"
        builds = killed_builds(tiny, folder, min(left, KILLS_OF_A_WAREHOUSE), draw, len(events))
        lost += len(repeated(builds))
        assert_trainings_resume(builds)
        found = content(folder / "data")
        for name in expected:
            assert found[name] == expected[name], name
        struck.update(events[-1][0] if events else "nothing" for events in builds[:-1])
        assert unfinished_runs(folder / "data") == []
        left -= len(builds) - 1
        warehouses += 1
    print(f"{struck.total()} kills in {warehouses} warehouses, by last event {dict(struck)}; {lost} calls repeated")


def test_a_half_written_warehouse_file_is_created_again(tmp_path: Path) -> None:
    path = tmp_path / "data" / "slingshot.duckdb"
    died(_die_making_the_file, path)
    with FileWarehouse(path).write() as connection:
        assert connection.execute("SELECT count(*) FROM lineage.versions").fetchone() == (0,)
    assert sorted(entry.name for entry in path.parent.iterdir()) == [path.name, "slingshot.making.lock"]


def _die_making_the_file(path: Path) -> None:
    def interrupted(file: str, read_only: bool = False) -> None:
        Path(file).write_bytes(header)
        kill_oneself()

    whole = path.parent.parent / "whole.duckdb"
    duckdb.connect(str(whole)).close()
    header = whole.read_bytes()[:4096]  # DuckDB writes three header blocks one after another
    duckdb.connect = interrupted  # type: ignore
    with FileWarehouse(path).write():
        pass


def upper(missing: list[Call]) -> Iterator[tuple[list[Call], Work]]:
    yield missing, lambda batch: [Answer({"text": call.request["text"].upper()}, 1, 0.1) for call in batch]


def nothing(missing: list[Call]) -> Iterator[tuple[list[Call], Work]]:
    raise AssertionError("asked again")


CALLS = [Call("completion", "a" * 32, {"text": text}, 8) for text in ("one", "two")]


def test_a_batch_killed_after_its_commit_is_not_computed_again_and_its_claim_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "slingshot.duckdb"
    died(_die_after_the_commit, path)
    assert len(list((tmp_path / "claims").iterdir())) == 1
    answers = Memo(FileWarehouse(path)).run(CALLS, nothing)
    assert [answer.response for answer in answers] == [{"text": "ONE"}, {"text": "TWO"}]
    assert list((tmp_path / "claims").iterdir()) == []


def _die_after_the_commit(path: Path) -> None:
    Memo._record_failures = kill_oneself  # type: ignore  # the next step after the commit
    Memo(FileWarehouse(path)).run(CALLS, upper)


def test_a_killed_conversion_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.gguf"
    path.write_text("model")
    died(_die_converting, path)
    assert not path.with_suffix(".safetensors").exists()
    monkeypatch.setattr(weights, "_convert", _write_whole)
    assert contents(weights.loadable(path)) == {"config.json": "whole", "model.safetensors": "whole"}
    folders = [entry.name for entry in tmp_path.iterdir() if entry.is_dir()]
    assert folders == ["model.safetensors"]


def _die_converting(path: Path) -> None:
    def convert(path: Path, target: Path) -> None:
        target.mkdir()
        (target / "half.safetensors").write_text("ha")
        kill_oneself()

    weights._convert = convert
    weights.loadable(path)


def _write_whole(path: Path, target: Path) -> None:
    target.mkdir()
    for name in ("config.json", "model.safetensors"):
        (target / name).write_text("whole")


@pytest.mark.parametrize("state", [None, "", '{"global_step": 4, "log_his'])
def test_training_resumes_from_the_last_complete_checkpoint(tmp_path: Path, state: str | None) -> None:
    for name, text in (("checkpoint-2", '{"global_step": 2}'), ("checkpoint-4", state), ("checkpoint-10", state)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "adapter_model.safetensors").write_text("weights")
        if text is not None:
            (tmp_path / name / "trainer_state.json").write_text(text)
    assert _last_complete_checkpoint(tmp_path) == str(tmp_path / "checkpoint-2")
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-2"]


def test_a_training_killed_after_its_end_is_not_repeated_and_leaves_no_files(tiny_model: Path, tmp_path: Path) -> None:
    died(_die_after_training, tiny_model, tmp_path / "adapter")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["adapter", "adapter.unfinished"]
    before = contents(tmp_path / "adapter")
    steps: list[int] = []
    outcome = train_adapter(
        tiny_model, EXAMPLES, TRAINING, tmp_path / "adapter", lambda step, steps_: steps.append(step)
    )
    assert steps == []
    assert asdict(outcome) == json.loads(before[OUTCOME]) | {"validation": ()}
    assert contents(tmp_path / "adapter") == before
    assert [path.name for path in tmp_path.iterdir()] == ["adapter"]


EXAMPLES = [(Prompt.ask(f"what is the {word}"), f"the {word} is old .") for word in ("river", "stone")]
TRAINING = Training(
    epochs=1,
    learning_rate=0.02,
    rank=4,
    alpha=8,
    batch_size=2,
    max_tokens=64,
    last_layers=1,
    target_modules=("q_proj",),
    checkpoint_every=1,
)


def _die_after_training(base: Path, target: Path) -> None:
    rename = Path.rename

    def renamed(path: Path, to: Path) -> None:
        rename(path, to)
        kill_oneself()

    Path.rename = renamed  # type: ignore
    train_adapter(base, EXAMPLES, TRAINING, target)


def died(work: Any, *arguments: Any) -> None:
    """Runs `work` in another process, which must kill itself."""
    started = process(work, *arguments)
    started.join()
    assert started.exitcode == -signal.SIGKILL


def contents(folder: Path) -> dict[str, str]:
    """The text of every file in the folder."""
    return {path.name: path.read_text(errors="replace") for path in sorted(folder.iterdir())}
