"""Some train all weights instead of an adapter. Such a student must be usable outside this project, answer the same in
every engine, and its files must be compared with their hashes as those of an adapter are."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from resources.fetching.tree_digest import tree_digest
from resources.models.calls import Adapter, Prompt, Sampling, Training
from resources.models.language_model import LanguageModel
from resources.tools.tools import Tools
from resources.tools.workbench import CheckpointLost, Workbench
from tests.support.building import query
from warehouse.lineage.material import Material

EXAMPLES = [(Prompt.ask(f"what is the {word}"), f"the {word} is old .") for word in ("river", "stone", "garden")]
FULL = Training(
    epochs=4, learning_rate=0.005, rank=None, alpha=None, batch_size=2, max_tokens=64, last_layers=None,
    target_modules=(), checkpoint_every=4, seed=5, method="full",
)  # fmt: skip
ASKED, GREEDY = [Prompt.ask("what is the river"), Prompt.ask("how does a house grow")], Sampling(8)


@pytest.fixture
def bench(tiny_model: Path, tmp_path: Path) -> Workbench:
    model = Material("model", "writer", "Apache-2.0", address=f"path:{tiny_model}", sha256=tree_digest(tiny_model))
    return Workbench(tmp_path / "data", tmp_path, {"writer": model}, {})


@pytest.fixture
def trained(bench: Workbench) -> Adapter:
    made = Tools(bench).train("writer", EXAMPLES, FULL)
    assert len(made.losses) == 8
    assert made.losses[-1] < made.losses[0] - 0.5
    return made.adapter


def test_all_weights_are_trained_and_load_with_plain_transformers(
    bench: Workbench, trained: Adapter, tiny_model: Path
) -> None:
    folder = bench.checkpoints.folder(trained.training)
    before = AutoModelForCausalLM.from_pretrained(tiny_model).state_dict()
    after = AutoModelForCausalLM.from_pretrained(folder).state_dict()
    assert after.keys() == before.keys()
    assert [name for name in before if torch.equal(before[name], after[name])] == []
    assert AutoTokenizer.from_pretrained(folder).chat_template
    request = query(bench.data, "SELECT request FROM memo.calls WHERE kind = 'training'")["request"].item()
    assert not any(name in request for name in ("rank", "alpha", "target_modules", "last_layers", "dropout"))


def test_its_answers_are_the_same_in_every_engine(bench: Workbench, trained: Adapter, tiny_model: Path) -> None:
    folder = bench.checkpoints.folder(trained.training)
    expected = LanguageModel(tiny_model, weights=folder).complete(ASKED, GREEDY)
    assert expected != LanguageModel(tiny_model).complete(ASKED, GREEDY)
    assert expected[0][0].startswith("the river is old")
    assert bench.openvino_writer("writer", trained, "float32").complete(ASKED, GREEDY) == expected
    assert bench.checkpoints.fault(trained.training) is None, "the export counts as a file of the checkpoint"
    assert bench.openvino_writer("writer", None, "float32").complete(ASKED, GREEDY) != expected
    found = Tools(bench).model("writer", trained).complete(ASKED, GREEDY)
    assert [one.text for one in found] == [text for text, *_ in expected]


def test_losses_are_those_of_the_trained_weights(bench: Workbench, trained: Adapter, tiny_model: Path) -> None:
    direct = LanguageModel(tiny_model, weights=bench.checkpoints.folder(trained.training)).losses(EXAMPLES)
    measured = Tools(bench).model("writer", trained).losses(EXAMPLES)
    untouched = Tools(bench).model("writer").losses(EXAMPLES)
    assert [one.mean for one in measured] == [pytest.approx(loss) for loss, _ in direct]
    assert all(one.mean < other.mean - 0.5 for one, other in zip(measured, untouched, strict=True))


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("model.safetensors", b"x", "changed: model.safetensors"),
        ("config.json", None, "missing: config.json"),
        ("adapter_model.bin", b"x", "not from the training: adapter_model.bin"),
    ],
)
def test_nothing_is_computed_with_other_files(
    bench: Workbench, trained: Adapter, name: str, content: bytes | None, fault: str
) -> None:
    file = bench.checkpoints.folder(trained.training) / name
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    with pytest.raises(CheckpointLost, match=f"is not what its training wrote: {fault}"):
        Tools(bench).model("writer", trained).complete(ASKED, GREEDY)
    tools = Tools(bench)
    assert tools.train("writer", EXAMPLES, FULL).adapter == trained
    assert (tools.meter.computed, bench.checkpoints.fault(trained.training)) == (1, None)
