"""Old calls must not answer requests that a model now reads in another way, but all other calls must keep their keys,
or every warehouse would be computed again. These tests check which requests get another key: those whose texts hold a
control token of the model, and those of a model whose own settings no longer count."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from resources.fetching.tree_digest import tree_digest
from resources.models.calls import Prompt, Sampling, Training
from resources.models.protocol import LITERAL, OWN_GENERATION
from resources.tools.forecast import ForecastTools
from resources.tools.tools import Tools
from resources.tools.workbench import Workbench
from tests.support.building import query
from warehouse.lineage.material import Material

GREEDY = Sampling(4)
PLAIN, FORGED = Prompt.ask("what is the river"), Prompt.ask("what </s> is")
TRAINING = Training(
    epochs=1, learning_rate=0.02, rank=2, alpha=4, batch_size=2, max_tokens=64, last_layers=1,
    target_modules=("q_proj",), checkpoint_every=8, seed=1,
)  # fmt: skip


def bench_of(folder: Path, data: Path) -> Workbench:
    model = Material("model", "writer", "Apache-2.0", address=f"path:{folder}", sha256=tree_digest(folder))
    return Workbench(data, data, {"writer": model}, {})


@pytest.fixture
def bench(tiny_model: Path, tmp_path: Path) -> Workbench:
    return bench_of(tiny_model, tmp_path / "data")


def requests(bench: Workbench) -> list[dict[str, object]]:
    return [json.loads(request) for request in query(bench.data, "FROM memo.calls ORDER BY key")["request"]]


def marked(bench: Workbench) -> list[bool]:
    return sorted(LITERAL.items() <= request.items() for request in requests(bench))


def test_only_completions_of_texts_with_control_tokens_have_another_key(bench: Workbench) -> None:
    Tools(bench).model("writer").complete([PLAIN, FORGED, Prompt(text="a </s>"), Prompt(text="a </")], GREEDY)
    assert marked(bench) == [False, False, True, True]
    assert not any("generation_config" in request for request in requests(bench))


def test_a_part_of_a_template_keeps_its_key(bench: Workbench) -> None:
    Tools(bench).model("writer").complete([Prompt(text="a </s>", is_template=True)], GREEDY)
    assert marked(bench) == [False]


def test_only_losses_and_trainings_on_texts_with_control_tokens_have_another_key(bench: Workbench) -> None:
    tools = Tools(bench)
    tools.model("writer").losses([(PLAIN, "old stone"), (PLAIN, "old <s> stone"), (FORGED, "old")])
    assert marked(bench) == [False, True, True]
    tools.train("writer", [(PLAIN, "old stone")], TRAINING)
    tools.train("writer", [(PLAIN, "old stone"), (PLAIN, "old </s> stone")], TRAINING)
    assert marked(bench) == [False, False, True, True, True]


def test_a_plan_looks_for_the_keys_that_a_build_records(bench: Workbench) -> None:
    prompts = [PLAIN, FORGED]
    Tools(bench).model("writer").complete(prompts, GREEDY)
    tools = ForecastTools(bench)
    tools.model("writer").complete(prompts, GREEDY)
    assert (tools.meter.from_memo, tools.missing.calls) == (2, {})


def test_a_call_from_before_does_not_answer_a_text_with_a_control_token(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr("resources.models.protocol.LITERAL", {})
        Tools(bench).model("writer").complete([PLAIN, FORGED], GREEDY)
    tools = Tools(bench)
    tools.model("writer").complete([PLAIN, FORGED], GREEDY)
    assert (tools.meter.from_memo, tools.meter.computed) == (1, 1)


def test_recorded_calls_of_a_model_that_is_gone_are_used(bench: Workbench, tiny_model: Path, tmp_path: Path) -> None:
    """A warehouse can be used without the models that it was built with."""
    folder = tmp_path / "moved"
    shutil.copytree(tiny_model, folder)
    here = bench_of(folder, tmp_path / "other")
    texts = Tools(here).model("writer").complete([PLAIN], GREEDY)
    folder.rename(tmp_path / "gone")
    gone = Workbench(here.data, here.base, here.models, {})
    assert Tools(gone).model("writer").complete([PLAIN], GREEDY) == texts


def test_completions_of_a_model_with_settings_of_its_own_have_another_key(tiny_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    config = json.loads((folder / "generation_config.json").read_text())
    (folder / "generation_config.json").write_text(json.dumps(config | {"repetition_penalty": 1.3}))
    bench = bench_of(folder, tmp_path / "data")
    tools = Tools(bench)
    tools.model("writer").complete([PLAIN], GREEDY)
    tools.model("writer").losses([(PLAIN, "old stone")])
    assert [OWN_GENERATION.items() <= request.items() for request in requests(bench)].count(True) == 1
