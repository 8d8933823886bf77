"""On a GPU the batches should fill its memory. On a CPU they must stay as they are: other batches could change what is
on record there. No GPU is needed to test this, since the limits follow from numbers."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from transformers import AutoConfig, LlamaConfig, MambaConfig

from resources.fetching.tree_digest import tree_digest
from resources.models.calls import Prompt, Sampling
from resources.models.room import Shape, limits, limits_of
from resources.tools.tools import Tools
from resources.tools.workbench import Workbench
from tests.support.building import query
from warehouse.lineage.material import Material

GIB = 2**30
OLMO_7B = Shape(layers=32, kept=2 * 32 * 128, hidden=4096, inner=11008, vocabulary=100_352, bytes=2)
SMOL = Shape(layers=30, kept=2 * 3 * 64, hidden=576, inner=1536, vocabulary=49_152, bytes=2)


def test_a_cpu_has_the_same_batches_for_every_model() -> None:
    for config in (LlamaConfig(), MambaConfig()):
        assert limits_of(None, config, 4) == ((64, 12_288), (64, 2_048))
        assert limits_of(2**40, config, 2) > limits_of(None, config, 2)


@pytest.mark.parametrize(
    ("free", "shape", "writing", "reading"),
    [
        (60 * GIB, OLMO_7B, (512, 32_768), (512, 32_768)),
        (10 * GIB, OLMO_7B, (64, 12_288), (512, 4_096)),
        (1 * GIB, OLMO_7B, (64, 12_288), (64, 2_048)),
        (20 * GIB, SMOL, (512, 131_072), (512, 65_536)),
    ],
)
def test_batches_on_a_gpu_follow_memory_and_model(
    free: int, shape: Shape, writing: tuple[int, int], reading: tuple[int, int]
) -> None:
    assert limits(free, shape) == (writing, reading)


def test_more_memory_never_gives_smaller_batches_and_a_little_more_the_same() -> None:
    found = [limits(free * GIB, OLMO_7B) for free in range(1, 140)]
    assert all(one <= more for one, more in pairwise(found))
    assert limits(60 * GIB, OLMO_7B) == limits(60 * GIB - 500 * 2**20, OLMO_7B)


def test_a_batch_leaves_half_of_the_memory_for_what_is_copied() -> None:
    for free in (30, 60, 120):
        (_, tokens), (_, read) = limits(free * GIB, OLMO_7B)
        assert tokens * OLMO_7B.written <= free * GIB / 2
        assert read * OLMO_7B.read <= free * GIB / 2


def test_the_shape_is_read_from_the_configuration(tiny_model: Path) -> None:
    config = AutoConfig.from_pretrained(tiny_model)
    assert Shape.of(config, 4) == Shape(layers=2, kept=2 * 2 * 8, hidden=32, inner=64, vocabulary=22, bytes=4)


def test_smaller_batches_change_no_call_and_no_value_on_a_cpu(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a smaller or larger limit on a GPU may do, tried with float32 on a CPU."""
    material = Material("model", "writer", "Apache-2.0", address=f"path:{tiny_model}", sha256=tree_digest(tiny_model))
    asked = [Prompt.ask(" ".join(["what is the river"] * times)) for times in range(1, 7)]
    rows = []
    for name, most in (("usual", None), ("small", (2, 60))):
        bench = Workbench(tmp_path / name, tmp_path, {"writer": material}, {})
        model = bench.language_model("writer")
        if most:
            monkeypatch.setattr(model, "most", most)
            monkeypatch.setattr(model, "most_read", most)
        tools = Tools(bench)
        texts = [one.text for one in tools.model("writer").complete(asked, Sampling(8))]
        losses = [one.mean for one in tools.model("writer").losses([(prompt, "the old stone .") for prompt in asked])]
        keys = query(bench.data, "SELECT key FROM memo.calls ORDER BY key")["key"].to_list()
        rows.append((texts, keys, losses))
    assert rows[0][:2] == rows[1][:2]
    assert rows[0][2] == pytest.approx(rows[1][2], abs=1e-5)
