"""Machines that see no common disk share checkpoints through a store. A training that one of them finished must not be
computed again by another, and what the store has must be the weights on record."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from resources.fetching.tree_digest import tree_digest
from resources.models.calls import Adapter, Prompt, Training
from resources.tools.node import NodeBench
from resources.tools.tools import Tools
from resources.tools.workbench import CheckpointLost, Workbench
from tests.support.building import build, edit, query
from tests.support.object_store import new_bucket, s3_server
from tests.support.tiny import quick
from warehouse.lineage.material import Material
from warehouse.store.checkpoints import SETTINGS, WEIGHTS, CheckpointFiles
from warehouse.store.collection import collect, find_garbage
from warehouse.store.file_store import FileStore, StoreError
from warehouse.store.places import Tables, warehouse_at
from warehouse.store.syncing import take_calls

EXAMPLES = [(Prompt.ask(f"what is the river {number}"), "the river is old") for number in range(4)]
LORA = Training(
    epochs=1, learning_rate=0.1, rank=2, alpha=4, batch_size=2, max_tokens=128, last_layers=2,
    target_modules=("q_proj",), checkpoint_every=8, seed=1,
)  # fmt: skip


@pytest.fixture(scope="module")
def _server() -> Iterator[None]:
    with s3_server():
        yield


@pytest.fixture
def url(_server: None) -> str:
    return new_bucket()


def key_of(adapter: Adapter) -> str:
    return f"checkpoints/{adapter.training}-{adapter.weights[:16]}"


def bench_in(folder: Path, model: Path, url: str) -> Workbench:
    writer = Material("model", "writer", "Apache-2.0", address=f"path:{model}", sha256=tree_digest(model))
    return Workbench(folder, folder, {"writer": writer}, {}, tables=Tables(store=url))


def trained(bench: Workbench) -> tuple[Adapter, int]:
    """The adapter, and how many trainings were computed."""
    tools = Tools(bench)
    return tools.train("writer", EXAMPLES, LORA).adapter, tools.meter.computed


def test_a_checkpoint_that_is_lost_here_comes_from_the_store(tiny_model: Path, tmp_path: Path, url: str) -> None:
    bench = bench_in(tmp_path / "one", tiny_model, url)
    adapter, computed = trained(bench)
    found = bench.checkpoints.found(adapter.training)
    assert computed == 1
    folder = bench.checkpoints.folder(adapter.training)
    shutil.rmtree(folder)
    assert trained(bench) == (adapter, 0)
    assert not folder.exists()  # it is fetched when it is used
    assert bench.adapter_folder(adapter) == folder
    assert bench.checkpoints.found(adapter.training) == found
    (folder / WEIGHTS).write_bytes(b"changed")
    assert trained(bench) == (adapter, 0)
    bench.adapter_folder(adapter)
    assert bench.checkpoints.found(adapter.training) == found


def test_another_machine_trains_nothing_again(tiny_model: Path, tmp_path: Path, url: str) -> None:
    """It has taken over the calls, and not the files."""
    one, other = (bench_in(tmp_path / name, tiny_model, url) for name in ("one", "other"))
    adapter, _ = trained(one)
    shutil.rmtree(tmp_path / "one" / "checkpoints")
    assert take_calls(one.database, other.database).taken == 1
    assert trained(other) == (adapter, 0)
    assert other.adapter_folder(adapter).is_dir()


def test_a_node_fetches_the_adapter_that_it_is_to_use(tiny_model: Path, tmp_path: Path, url: str) -> None:
    one = bench_in(tmp_path / "one", tiny_model, url)
    adapter, _ = trained(one)
    node = NodeBench(tmp_path / "node", tmp_path, one.models, {}, tables=Tables(store=url))
    folder = node.adapter_folder(adapter)
    assert folder.is_relative_to(tmp_path / "node")
    assert node.checkpoints.found(adapter.training) == one.checkpoints.found(adapter.training)
    with pytest.raises(CheckpointLost, match="is not what its training wrote: changed"):
        node.adapter_folder(Adapter(adapter.training, "0" * 64))


def test_a_node_compares_every_file_that_it_fetches(tiny_model: Path, tmp_path: Path, url: str) -> None:
    """Other settings make another adapter of the same weights."""
    one = bench_in(tmp_path / "one", tiny_model, url)
    adapter, _ = trained(one)
    files = tuple(sorted(one.checkpoints.recorded(adapter.training).items()))
    other = shutil.copytree(one.checkpoints.folder(adapter.training), tmp_path / "changed")
    settings = other / SETTINGS
    settings.write_text(settings.read_text().replace('"lora_alpha": 4', '"lora_alpha": 4000'))
    FileStore(url).put(key_of(adapter), other)
    node = NodeBench(tmp_path / "node", tmp_path, one.models, {}, tables=Tables(store=url))
    with pytest.raises(CheckpointLost, match=f"changed: {SETTINGS}"):
        node.adapter_folder(adapter, files)


def test_other_weights_in_the_store_are_never_used(tiny_model: Path, tmp_path: Path, url: str) -> None:
    """The training is then repeated, as where there is no store."""
    bench = bench_in(tmp_path / "one", tiny_model, url)
    adapter, _ = trained(bench)
    folder = bench.checkpoints.folder(adapter.training)
    right = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(b"poison")
    FileStore(url).put(key_of(adapter), folder)
    assert bench.checkpoints.fault(adapter.training) == f"changed: {WEIGHTS}"
    assert trained(bench) == (adapter, 1)
    assert (folder / WEIGHTS).read_bytes() == right
    shutil.rmtree(folder)
    assert trained(bench) == (adapter, 0)


def test_a_store_that_is_away_stops_the_training_before_it_begins(tiny_model: Path, tmp_path: Path) -> None:
    """Otherwise other machines would be told of files that they cannot get."""
    bench = bench_in(tmp_path / "one", tiny_model, "s3://no-such-bucket/x")
    with s3_server(), pytest.raises(StoreError, match="nothing can be written there"):
        trained(bench)
    assert not bench.checkpoints.folder("x").parent.exists()
    bench.database.remote = None
    assert trained(bench)[1] == 1


def test_a_copy_shares_what_was_trained_before_there_was_a_store(
    tiny_model: Path, tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = bench_in(tmp_path / "one", tiny_model, ""), bench_in(tmp_path / "other", tiny_model, url)
    adapter, _ = trained(one)
    with monkeypatch.context() as patch, pytest.raises(StoreError):
        patch.setattr(FileStore, "put", FileStore("nowhere://x").put)
        take_calls(one.database, other.database)
    assert take_calls(one.database, other.database).refused == ()
    assert other.checkpoints.is_shared(adapter.training, adapter.weights)


def test_unpublished_trainings_are_freed_with_their_calls(tiny_model: Path, tmp_path: Path, url: str) -> None:
    bench = bench_in(tmp_path / "one", tiny_model, url)
    adapter, _ = trained(bench)
    assert find_garbage(bench.database, 1).nothing
    garbage = find_garbage(bench.database, 1, calls=True)
    assert garbage.shared == ((adapter.training, adapter.weights),)
    collect(bench.database, garbage)
    assert not bench.checkpoints.is_shared(adapter.training, adapter.weights)


def test_a_whole_build_shares_its_checkpoints_and_frees_them_there_too(tiny: Path, tmp_path: Path, url: str) -> None:
    edit(tiny, quick)
    (tiny.parent / "deployment.yaml").write_text(f"store: {url}\n")
    data = tmp_path / "data"
    assert not build(tiny, data)[1]
    shutil.rmtree(data / "checkpoints")
    again, failures = build(tiny, data)
    assert not failures
    assert again.actions == {}
    assert not (data / "checkpoints").exists()
    there = warehouse_at(data, Tables(store=url))
    kept = set(query(data, "SELECT training FROM records.checkpoint")["training"])
    assert CheckpointFiles(there).all_faults() == []
    edit(tiny, lambda values: values["training"].update(epochs=2))
    assert not build(tiny, data)[1]
    garbage = find_garbage(there, 1)
    assert {training for training, _ in garbage.shared} <= kept
    assert len(garbage.shared) > 0
    collect(there, garbage)
    assert not any(CheckpointFiles(there).is_shared(*one) for one in garbage.shared)
    assert find_garbage(there, 1).nothing
