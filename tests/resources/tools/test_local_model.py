"""A kill costs the chunk that is being computed, so its size is a setting, for every engine. A chunk can take minutes,
so progress must move within it. And the record must say which engine and which numbers an answer came from."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest

from resources.fetching.tree_digest import tree_digest
from resources.models.calls import Prompt, Sampling
from resources.models.engines import Name, Wanted
from resources.tools.tools import Tools
from resources.tools.workbench import Workbench
from tests.support.building import query
from warehouse.lineage.material import Material
from warehouse.store.memo import Memo

PROMPTS = [Prompt.ask("what is the river " * (1 + number), seed=number) for number in range(8)]


def bench_of(model: Path, data: Path, engine: Name, chunk: int = 256) -> Workbench:
    writer = Material("model", "writer", "Apache-2.0", address=f"path:{model}", sha256=tree_digest(model))
    return Workbench(data, data, {"writer": writer}, {}, engines={"writer": Wanted(engine)}, chunk=chunk)


@pytest.mark.parametrize("engine", ["transformers", "openvino"])
def test_a_chunk_is_committed_as_a_whole_and_has_the_size_of_the_recipe(
    engine: Name, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed: list[int] = []
    commit = Memo.commit
    monkeypatch.setattr(
        Memo, "commit", lambda memo, answered, *rest: committed.append(len(answered)) or commit(memo, answered, *rest)
    )
    tools = Tools(bench_of(tiny_model, tmp_path / "data", engine, chunk=3))
    tools.model("writer").complete(PROMPTS, Sampling(4))
    assert committed == [3, 3, 2]
    tools.model("writer").losses([(prompt, "the river") for prompt in PROMPTS])
    assert committed[3:] == [3, 3, 2]


def test_a_model_that_writes_and_is_measured_in_the_same_numbers_is_loaded_once(
    tiny_model: Path, tmp_path: Path
) -> None:
    bench, loaded = bench_of(tiny_model, tmp_path / "data", "transformers"), list[str]()
    bench.loading = lambda what: nullcontext(loaded.append(what))
    model = Tools(bench).model("writer")
    model.complete(PROMPTS, Sampling(4))
    model.losses([(PROMPTS[0], "the river")])
    assert loaded == ["loading writer"]


@pytest.mark.parametrize("engine", ["transformers", "openvino"])
def test_progress_ends_with_all_rows_and_moves_within_a_chunk(engine: Name, tiny_model: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    bench = bench_of(tiny_model, tmp_path / "data", engine)
    tools = Tools(bench, lambda what, done, total: seen.append((done, total)))
    tools.model("writer").complete(PROMPTS, Sampling(16, temperature=1.0))
    done = [one for one, _ in seen]
    assert {total for _, total in seen} == {8}
    assert done == sorted(done)
    assert done[-1] == 8
    if engine == "openvino":  # transformers ends all rows of a batch together
        assert len({one for one in done if 0 < one < 8}) > 1


@pytest.mark.parametrize(
    ("engine", "packages"),
    [("transformers", {"transformers", "torch"}), ("openvino", {"openvino-genai", "transformers"})],
)
def test_the_record_names_the_engine_and_its_numbers(
    engine: Name, packages: set[str], tiny_model: Path, tmp_path: Path
) -> None:
    tools = Tools(bench_of(tiny_model, tmp_path / "data", engine))
    tools.model("writer").complete(PROMPTS, Sampling(4))
    (found,) = set(query(tmp_path / "data", "FROM memo.calls")["engine"])
    assert found.endswith(" float32 on cpu")
    assert {word.partition("==")[0] for word in found.split() if "==" in word} == packages


def test_greedy_answers_of_one_engine_are_those_of_the_other_and_sampled_ones_are_not(
    tiny_model: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    for engine, greedy, sampled in (("transformers", 8, 8), ("openvino", 0, 8)):
        for sampling, computed in ((Sampling(4), greedy), (Sampling(4, temperature=1.0), sampled)):
            tools = Tools(bench_of(tiny_model, data, engine))  # type: ignore[arg-type]
            tools.model("writer").complete(PROMPTS, sampling)
            assert tools.meter.computed == computed
