"""Work that is sent to another process must take along what it needs, load its own models there, and trust no file."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from resources.fetching.tree_digest import tree_digest
from resources.models.calls import Adapter, Prompt, Sampling
from resources.models.engines import Engine
from resources.tools.jobs import Completing
from resources.tools.node import Node, NodeBench
from resources.tools.opened import Opening
from resources.tools.workbench import CheckpointLost, Workbench
from tests.support.memo import call
from warehouse.core.errors import UserError
from warehouse.core.identity import file_digest
from warehouse.lineage.material import Material

PROMPTS = {call(text).key: Prompt.ask(text) for text in ("what is the", "how does a")}
CALLS = [call("what is the"), call("how does a")]


@pytest.fixture
def bench(tiny_model: Path, tmp_path: Path) -> Workbench:
    material = Material("model", "writer", "Apache-2.0", address=f"path:{tiny_model}", sha256=tree_digest(tiny_model))
    return Workbench(tmp_path / "data", tmp_path, {"writer": material}, {})


def completing(bench: Workbench, device: str = "cpu") -> Completing:
    opening = Opening("writer", None, Engine("transformers", "float32", device))
    return Completing(bench, opening, PROMPTS, Sampling(4), ended=lambda done, tokens: None)


def test_sent_work_gives_the_same_answers(bench: Workbench) -> None:
    """In the other process the workbench is one for all the work that comes, with models of its own."""
    work = completing(bench)
    here = work(CALLS)
    sent, again = (pickle.loads(pickle.dumps(work.of(CALLS))) for _ in range(2))
    assert isinstance(sent.bench, NodeBench)
    assert sent.bench is again.bench
    assert sent.bench is not bench
    found = Node().answered(CALLS, sent)
    assert [one.response for _, one in found] == [one.response for one in here]
    assert [one.tokens for _, one in found] == [4, 4]


def test_only_the_prompts_of_a_batch_are_sent(bench: Workbench) -> None:
    assert pickle.loads(pickle.dumps(completing(bench).of(CALLS[:1]))).prompts == {CALLS[0].key: PROMPTS[CALLS[0].key]}


def test_a_node_with_another_kind_of_device_is_refused(bench: Workbench) -> None:
    """It would answer in other numbers than the key of the call says."""
    with pytest.raises(UserError, match="writer is to be computed transformers, float32 on cuda, but this machine has"):
        Node().answered(CALLS, completing(bench, device="cuda"))


def test_a_checkpoint_with_other_weights_is_refused(bench: Workbench) -> None:
    """A shared folder may lag behind, or be another one."""
    node = pickle.loads(pickle.dumps(bench))
    folder = bench.checkpoints.folder("f" * 32)
    with pytest.raises(CheckpointLost, match="cannot be read on this node"):
        node.adapter_folder(Adapter("f" * 32, "0" * 64))
    folder.mkdir(parents=True)
    weights = folder / "adapter_model.safetensors"
    weights.write_bytes(b"weights")
    assert node.adapter_folder(Adapter("f" * 32, file_digest(weights))) == folder
    with pytest.raises(CheckpointLost, match="are not those of the training"):
        node.adapter_folder(Adapter("f" * 32, "0" * 64))
