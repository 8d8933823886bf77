"""A build takes hours. Who starts one wants to read its first training set before the last method has been asked. An
order against the graph would make a run of the UI fail that leaves out an asset."""

from __future__ import annotations

from pathlib import Path

from assets.building.order import LAST, priorities
from assets.loading.file import load_recipe
from assets.planning.graph import steps
from tests.support.building import query
from tests.support.recipes import parsed, starter


def test_the_methods_of_the_starter_come_one_after_the_other() -> None:
    found = priorities(steps(parsed(starter())))
    methods = ["extract_then_generate", "instruction_generation", "self_instruct", "self_training"]
    assert [found[f"raw_{name}"] for name in methods] == [-1, -2, -3, -4]
    assert [found[f"training_sets/{name}"] for name in methods[1:]] == [-2, -3, -4]
    assert found["training_sets/filtered_extract_then_generate"] == -1
    assert {found[name] for name in ("documents", "seed_tasks", "fragments", "backward_model")} == {0}
    assert {found[name] for name in found if name.startswith(("students/", "predictions/", "scores/"))} == {LAST}


def test_no_asset_comes_before_what_it_reads() -> None:
    graph = steps(parsed(starter()))
    found = priorities(graph)
    assert [step.asset for step in graph for one in step.inputs.values() if found[step.asset] > found[one]] == []


def test_a_build_has_a_training_set_before_the_next_method_is_asked(built: tuple[Path, Path]) -> None:
    recipe, data = built
    order = query(data, "SELECT asset FROM lineage.materializations ORDER BY finished_at")["asset"].to_list()
    assert sorted(order) == sorted(step.asset for step in steps(load_recipe(recipe)))
    kinds = [asset.split("/")[0] for asset in order]
    raw = [at for at, kind in enumerate(kinds) if kind.startswith("raw_")]
    assert kinds.index("training_sets") < raw[1]
    last = [max(at for at, kind in enumerate(kinds) if kind == one) for one in ("training_sets", "students")]
    assert last[0] < kinds.index("students")
    assert last[0] < kinds.index("predictions")
