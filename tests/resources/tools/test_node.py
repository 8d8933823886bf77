"""Work that is sent to another process must take along what it needs, load its own models there, and trust no file."""

from __future__ import annotations

import pickle
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from resources.fetching.tree_digest import tree_digest
from resources.models import device
from resources.models.calls import Adapter, Prompt, Sampling, Training
from resources.models.engines import Engine, Wanted
from resources.tools.forecast import ForecastTools
from resources.tools.jobs import Completing
from resources.tools.node import Node, NodeBench
from resources.tools.opened import Opening
from resources.tools.ray_workers import RayCluster, RayWorkers
from resources.tools.tools import Tools
from resources.tools.training import Tuning
from resources.tools.workbench import CheckpointLost, Workbench
from tests.support.memo import call
from warehouse.core.errors import UserError
from warehouse.core.identity import file_digest
from warehouse.lineage.material import Material
from warehouse.store.calls import Call
from warehouse.store.workers import InProcess

LORA = Training(
    epochs=1, learning_rate=0.1, rank=2, alpha=4, batch_size=2, max_tokens=128, last_layers=2,
    target_modules=("q_proj",), checkpoint_every=8, seed=1,
)  # fmt: skip
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
    with pytest.raises(CheckpointLost, match="on this node is not what its training wrote: it is missing"):
        node.adapter_folder(Adapter("f" * 32, "0" * 64))
    folder.mkdir(parents=True)
    weights = folder / "adapter_model.safetensors"
    weights.write_bytes(b"weights")
    (folder / "adapter_config.json").write_text("{}")
    assert node.adapter_folder(Adapter("f" * 32, file_digest(weights))) == folder
    with pytest.raises(CheckpointLost, match="is not what its training wrote: changed: adapter_model"):
        node.adapter_folder(Adapter("f" * 32, "0" * 64))


def test_a_training_in_another_process_writes_what_one_here_writes(bench: Workbench, tmp_path: Path) -> None:
    examples = [(Prompt.ask(f"what is the river {number}"), "the river is old") for number in range(4)]
    here = Tools(bench).train("writer", examples, LORA)
    other = replace(bench, data=tmp_path / "other")
    training = Call("training", "m", {"n": 1})
    made = training.key
    tuning = Tuning(other, "writer", examples, LORA, (), other.checkpoints.recorded(made), "cpu")
    ((_, found),) = Node().answered([training], pickle.loads(pickle.dumps(tuning)))
    assert found.response["weights"] == here.adapter.weights
    assert found.response["losses"] == here.losses
    assert other.checkpoints.found(made) == found.response["files"] == bench.checkpoints.found(here.call)


def test_a_training_on_another_kind_of_device_is_refused(bench: Workbench) -> None:
    """Its weights would be on record under a key that says other numbers."""
    tuning = Tuning(bench, "writer", [(Prompt.ask("a"), "b")], LORA, (), {}, "cuda")
    with pytest.raises(UserError, match="writer is to be trained on cuda, but this machine has only cpu"):
        Node().answered([Call("training", "m", {"n": 1})], pickle.loads(pickle.dumps(tuning)))


@pytest.mark.parametrize(("gpus", "numerics"), [(0, "float32 on cpu"), (1, "bfloat16 on cuda")])
def test_calls_have_the_numbers_of_the_workers_not_of_the_machine_that_builds(
    bench: Workbench, gpus: float, numerics: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A build on a laptop may have its calls computed on GPUs, and the other way round."""
    monkeypatch.setattr(device, "on_gpu", lambda: gpus == 0)
    bench.workers = RayWorkers(RayCluster("127.0.0.2:1", gpus=gpus))
    tools = ForecastTools(bench)
    tools.model("writer").complete([Prompt.ask("a")], Sampling(4))
    tools.model("writer").losses([(Prompt.ask("a"), "b")])
    tools.train("writer", [(Prompt.ask("a"), "b")], LORA)
    found = {call.kind: call.request.get("numerics", "float32 on cpu") for call in tools.missing.calls.values()}
    assert found == {"completion": numerics, "loss": numerics, "training": numerics}


def test_only_workers_load_the_weights_of_a_model(bench: Workbench) -> None:
    """The process that builds counts tokens, for which the tokenizer is enough. It may have no room for the model."""
    loaded: list[str] = []
    bench.loading = lambda what: nullcontext(loaded.append(what))
    bench.workers = Elsewhere()
    tools = Tools(bench)
    completions = tools.model("writer").complete([*PROMPTS.values()], Sampling(4))
    losses = tools.model("writer").losses([(prompt, "the river") for prompt in PROMPTS.values()])
    assert {one.error for one in (*completions, *losses)} == {None}
    assert loaded == []


def test_a_node_says_the_limits_of_a_model_while_it_holds_another_adapter_of_it(bench: Workbench) -> None:
    """An adapter was taken off the model before the one that had been put on it later."""
    bench.engines = {"writer": Wanted("transformers")}
    one, other = (
        Tools(bench).train("writer", [(Prompt.ask(text), text)], LORA).adapter for text in ("a river", "an old bridge")
    )
    bench.workers = Elsewhere()
    for adapter in (one, other, None, one):
        found = Tools(bench).model("writer", adapter).complete([*PROMPTS.values()], Sampling(4, 0.5))
        assert {completion.error for completion in found} == {None}
        losses = Tools(bench).model("writer", adapter).losses([(prompt, "the river") for prompt in PROMPTS.values()])
        assert {loss.error for loss in losses} == {None}


class Elsewhere(InProcess):
    """Computes as a node of a cluster does, with models of its own."""

    device = "cpu"

    def __init__(self) -> None:
        self.node = Node()

    def parts(self, work: Any, shared: Any, parts: Any, what: str) -> Any:
        for part in parts:
            yield part, self.node.part(work, pickle.loads(pickle.dumps(shared)), part)

    def answers(self, tasks: Any) -> Any:
        for task in tasks:
            yield task, self.node.answered(task.calls, pickle.loads(pickle.dumps(task.work)))
