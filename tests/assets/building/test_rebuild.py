"""Users change one thing many times a day. A rebuild must only compute the rows that this thing changes, and the plan
must show that cost before."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from resources.models.calls import Prompt, Sampling
from resources.models.language_model import LanguageModel, Written
from tests.support.building import Log, build, edit, planned, query, store
from tests.support.tiny import ROOT
from warehouse.core.identity import file_digest


def kept(data: Path, asset: str) -> list[str]:
    """The ids of the kept rows of an asset's current version, in order."""
    current = store(data).current(asset)
    assert current is not None
    return store(data).read(current)["id"].to_list()


def rebuilt(recipe: Path, data: Path) -> Log:
    log, failures = build(recipe, data)
    assert failures == []
    return log


def files(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_plan_of_an_empty_warehouse_bounds_everything_and_writes_nothing(tiny: Path, tmp_path: Path) -> None:
    plan = planned(tiny, tmp_path / "data")
    assert not (tmp_path / "data").exists()
    assert len(plan) == 44
    assert {one.state for one in plan.values()} == {"stale"}
    assert {one.reasons for one in plan.values()} == {("never built",)}
    assert (plan["raw_self_training"].calls, plan["raw_self_training"].exact) == (12, True)
    assert (plan["raw_self_instruct"].calls, plan["raw_self_instruct"].exact) == (24 + 16, False)
    assert (plan["students/self_instruct"].calls, plan["students/self_instruct"].exact) == (1, False)
    assert plan["raw_self_training"].seconds is None


def test_the_plan_after_a_build_shows_fresh_assets_and_writes_nothing(own: tuple[Path, Path]) -> None:
    recipe, data = own
    before = files(data)
    assert {one.state for one in planned(recipe, data).values()} == {"fresh"}
    edit(recipe, lambda values: values["curation"].update(rows=3))
    assert {one.state for one in planned(recipe, data).values()} == {"fresh", "stale", "waiting"}
    assert files(data) == before


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("enhancement", "perplexity", "keep"), 0.25),
        (("generation", "self_training", "response", "temperature"), 0.9),
        (("curation", "rows"), 3),
        (("documents", 0, "words"), [1, 200]),
        (("generation", "self_instruct", "calls"), 25),
    ],
)
def test_a_build_does_what_the_plan_showed(own: tuple[Path, Path], path: tuple[Any, ...], value: Any) -> None:
    recipe, data = own

    def change(values: Any) -> None:
        for key in path[:-1]:
            values = values[key]
        values[path[-1]] = value

    edit(recipe, change)
    plan = planned(recipe, data)
    log = rebuilt(recipe, data)
    touched = {asset for asset, one in plan.items() if one.state != "fresh"}
    assert {asset for asset, action in log.actions.items() if action != "unchanged"} <= touched
    for asset in touched:
        one = plan[asset]
        assert one.calls is not None
        if one.exact:
            assert (log.actions[asset], log.computed[asset]) == ("built", one.calls), asset
        else:
            assert log.computed[asset] <= one.calls, asset
    assert {one.state for one in planned(recipe, data).values()} == {"fresh"}


def test_unchanged_rows_stop_the_rebuild(own: tuple[Path, Path]) -> None:
    recipe, data = own
    edit(recipe, lambda values: values["documents"][0].update(words=[1, 200]))
    plan = planned(recipe, data)
    assert [asset for asset, one in plan.items() if one.state != "fresh"] == ["documents"]
    assert plan["documents"].same_content
    log = rebuilt(recipe, data)
    assert {asset: action for asset, action in log.actions.items() if action != "unchanged"} == {"documents": "built"}


def test_one_more_document_computes_only_its_own_calls(own: tuple[Path, Path]) -> None:
    recipe, data = own
    before = {asset: kept(data, asset) for asset in ("raw_self_training", "raw_instruction_generation", "fragments")}
    edit(recipe, lambda values: values["documents"][0].update(count=13))
    plan = planned(recipe, data)
    assert plan["documents"].reasons == ("documents.0.count 12 → 13",)
    assert plan["raw_instruction_generation"].reasons == ("1 document added",)
    assert (plan["raw_instruction_generation"].calls, plan["raw_instruction_generation"].from_memo) == (1, 12)
    log = rebuilt(recipe, data)
    assert log.computed["raw_instruction_generation"] == 1
    assert log.computed["raw_extract_then_generate"] == 1
    assert "raw_self_training" not in log.actions
    assert set(before["raw_instruction_generation"]) <= set(kept(data, "raw_instruction_generation"))
    assert len(set(kept(data, "fragments")) - set(before["fragments"])) == 1


def test_removing_a_row_of_a_source_removes_only_its_descendants(own: tuple[Path, Path], tmp_path: Path) -> None:
    recipe, data = own
    assets = ("documents", "fragments", "raw_instruction_generation", "raw_extract_then_generate")
    before = {asset: kept(data, asset) for asset in assets}
    gone = before["documents"][0]
    text = query(data, f"SELECT text FROM records.document WHERE id = '{gone}'")["text"][0]
    source = tmp_path / "fewer.jsonl"
    original = Path(yaml.safe_load(recipe.read_text())["sources"]["rows"]["address"].removeprefix("path:"))
    source.write_text("".join(line for line in original.open() if json.loads(line)["text"] != text))

    def without(values: dict[str, Any]) -> None:
        values["sources"]["rows"] |= {"address": f"path:{source}", "sha256": file_digest(source)}
        values["documents"][0]["count"] = 11

    edit(recipe, without)
    descendants = set(
        query(
            data,
            "WITH RECURSIVE down(id) AS (SELECT child FROM lineage.edges "
            f"WHERE parent = '{gone}' UNION SELECT child FROM lineage.edges e JOIN down d ON e.parent = d.id) "
            "SELECT id FROM down",
        )["id"]
    )
    log = rebuilt(recipe, data)
    for asset in assets:
        assert log.computed[asset] == 0
        assert kept(data, asset) == [row for row in before[asset] if row != gone and row not in descendants], asset
    assert "seed_tasks" in log.actions
    assert "raw_self_training" not in {asset for asset, action in log.actions.items() if action == "built"}


def test_more_tokens_only_repeat_the_completions_that_were_cut_off(tiny: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"

    def tokens(values: dict[str, Any], most: int) -> None:
        values["generation"]["self_training"]["response"]["max_new_tokens"] = most

    edit(tiny, lambda values: tokens(values, 6))
    build(tiny, data, "+raw_self_training")
    cut = query(data, "SELECT key FROM memo.calls WHERE kind = 'completion' AND NOT complete")["key"].to_list()
    ended = query(data, "SELECT key FROM memo.calls WHERE kind = 'completion' AND complete")["key"].to_list()
    assert cut
    assert ended
    edit(tiny, lambda values: tokens(values, 48))
    assert planned(tiny, data)["raw_self_training"].calls == len(cut)
    log, failures = build(tiny, data, "raw_self_training")
    assert failures == []
    assert log.computed == {"raw_self_training": len(cut)}
    again = query(data, "SELECT key FROM memo.calls WHERE kind = 'completion' AND budget = 48")["key"].to_list()
    assert sorted(again) == sorted(cut)


class FailingModel(LanguageModel):
    """The real model, except that it fails at prompts that contain `dislikes`."""

    dislikes = ""

    def complete(self, prompts: Sequence[Prompt], sampling: Sampling, *done: Any) -> list[Written]:
        if self.dislikes and any(self.dislikes in prompt.messages[-1][1] for prompt in prompts):
            raise RuntimeError("out of memory")
        return super().complete(prompts, sampling)


def test_each_build_retries_failed_rows_up_to_the_limit_of_the_recipe(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, chosen = tmp_path / "data", "+raw_self_training"
    build(tiny, data, "+seed_tasks")
    monkeypatch.setattr("resources.models.language_model.LanguageModel", FailingModel)
    disliked = query(data, "SELECT instruction FROM seed_tasks LIMIT 1")["instruction"][0]
    monkeypatch.setattr(FailingModel, "dislikes", disliked)
    outcome = (
        "SELECT reason FROM lineage.decisions JOIN lineage.current USING (asset, version) WHERE outcome = 'failed'"
    )
    for attempt in range(3):
        log, failures = build(tiny, data, chosen)
        assert failures == []
        assert log.actions["raw_self_training"] == "built"
        assert log.computed["raw_self_training"] == (11 if attempt == 0 else 0)
        assert query(data, outcome)["reason"].to_list() == ["RuntimeError: out of memory"]
        expected = (f"1 row failed: retry {attempt + 1} of 2",) if attempt < 2 else ()
        assert planned(tiny, data)["raw_self_training"].reasons == expected
    log, _ = build(tiny, data, chosen)
    assert log.actions == {}
    assert len(query(data, "FROM memo.failures")) == 3

    monkeypatch.setattr(FailingModel, "dislikes", "")
    edit(tiny, lambda values: values.update(retries=3))
    assert planned(tiny, data)["raw_self_training"].reasons == ("1 row failed: retry 3 of 3",)
    log, _ = build(tiny, data, chosen)
    assert log.computed["raw_self_training"] == 1
    assert query(data, outcome).is_empty()
    assert planned(tiny, data)["raw_self_training"].state == "fresh"


def test_an_edit_of_code_makes_its_users_stale_and_a_new_parser_calls_no_model(
    own: tuple[Path, Path], tmp_path: Path
) -> None:
    recipe, data = own
    project = tmp_path / "project"
    for name in ("assets", "resources", "warehouse"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("data", "__pycache__"))
    for name in ("slingshot.py", "definitions.py", "recipe.yaml"):
        shutil.copy(ROOT / name, project / name)

    def slingshot(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, str(project / "slingshot.py"), *arguments, f"--recipe={recipe}", f"--warehouse={data}"],
            env=os.environ | {"PYTHONPATH": str(project)},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def stale() -> dict[str, list[str]]:
        return {one["asset"]: one["reasons"] for one in json.loads(slingshot("plan", "--json")) if one["reasons"]}

    prompts = project / "assets" / "prompting" / "prompts.py"
    prompts.write_text(prompts.read_text().replace('"""The prompts.', '"""All prompts.'))
    assert stale() == {}
    prompts.write_text(prompts.read_text().replace("Come up with a series of tasks", "Think of a series of tasks"))
    found = stale()
    assert found["raw_self_instruct"] == ["code of assets/prompting/prompts.py changed"]
    assert {asset for asset in found if "self_instruct" not in asset} == {"leaderboard"}
    shutil.copy(ROOT / "assets" / "prompting" / "prompts.py", prompts)
    parsing = project / "assets" / "prompting" / "parsing.py"
    parsing.write_text(parsing.read_text().replace("instruction_in(text)", "instruction_in(text).strip()"))
    found = stale()
    assert {
        asset for asset, reasons in found.items() if reasons == ["code of assets/prompting/parsing.py changed"]
    } == {
        "raw_instruction_generation",
        "raw_extract_then_generate",
    }
    before = len(query(data, "FROM memo.calls WHERE kind = 'completion'"))
    built = slingshot("build", "raw_instruction_generation")
    assert "12 from memo" in built
    assert len(query(data, "FROM memo.calls WHERE kind = 'completion'")) == before
