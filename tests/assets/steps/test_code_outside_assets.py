"""Ids, outcomes and the way in which texts compare are decided in `warehouse`. An edit there that left the assets fresh
would keep rows that the code of today would not make."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from assets.loading.file import load_recipe
from assets.planning.graph import steps
from assets.steps import code_digest
from assets.steps.step import ANSWERS, PROTOCOLS, QUARANTINE, Step
from tests.support.tiny import ROOT

RECIPE = load_recipe(ROOT / "recipe.yaml")
GRAPH = steps(RECIPE)
ALL = {step.asset for step in GRAPH}
CALL_MODELS = {step.asset for step in GRAPH if step.calls_model}
SOURCES = {"benchmark_items", "seed_tasks", "documents"}
TRAINING_SETS = {asset for asset in ALL if asset.startswith("training_sets/")}
WRITTEN = {"fragments", "backward_model"} | {asset for asset in ALL if asset.startswith("raw_")}
DIVERSE = {asset for asset in ALL if asset.startswith("diverse_instructions/")}
ENHANCED = {asset for asset in ALL if asset.startswith("enhanced_instructions/")}
# They decide about records by place and make no id; where there is no filter, the file of the neighbours counts too.
BY_PLACE = TRAINING_SETS | ENHANCED | DIVERSE
BY_PLACE_ALONE = BY_PLACE - {
    f"diverse_instructions/{name}" for name, arm in RECIPE.arms.items() if "diversity" not in arm.filters
}
QUALITY = {asset for asset in ALL if asset.startswith("quality/")}
COMPARE_TEXTS = (SOURCES | TRAINING_SETS | QUALITY | ENHANCED) | {
    "raw_self_training"
}  # no instruction is shown as an example of itself
SPLIT_TEXTS = SOURCES | TRAINING_SETS | QUALITY | WRITTEN  # the rules may choose among what is written
SPLIT_TEXTS |= {asset for asset in ALL if asset.startswith(("enhanced_instructions/", "scores/"))}


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the code, which digests are taken of."""
    for layer in ("assets", "resources", "warehouse"):
        shutil.copytree(ROOT / layer, tmp_path / layer, ignore=shutil.ignore_patterns("__pycache__", "data"))
    monkeypatch.setattr(code_digest, "ROOT", tmp_path.resolve())
    return tmp_path.resolve()


def digests(project: Path, graph: list[Step]) -> dict[str, dict[str, str]]:
    return {
        step.asset: code_digest.parsed_digests(
            project / step.source.relative_to(ROOT), QUARANTINE, *((*PROTOCOLS, *ANSWERS) if step.calls_model else ())
        )
        for step in graph
    }


@pytest.mark.parametrize(
    ("file", "old", "new", "stale"),
    [
        ("warehouse/core/texts.py", "or on_one_line(", "or str(", COMPARE_TEXTS - {"benchmark_items"}),
        ("warehouse/core/texts.py", "return any(map", "return all(map", WRITTEN),
        ("warehouse/core/comparing.py", "text = folded(text)", "text = text.lower()", COMPARE_TEXTS),
        ("warehouse/core/words.py", "return text.lower()", "return text", SPLIT_TEXTS),
        ("warehouse/core/identity.py", "sort_keys=True", "sort_keys=False", ALL),
        ("warehouse/core/identity.py", "sorted(set(parents))", "list(parents)", ALL - BY_PLACE_ALONE),
        ("warehouse/results/result.py", "repeat = self._seen[first] > 1", "repeat = False", ALL - BY_PLACE_ALONE),
        ("warehouse/results/selection.py", "sorted(rows.columns)", "rows.columns", BY_PLACE),
        ("warehouse/results/validation.py", "lazy=True", "lazy=False", ALL),
        (
            "warehouse/lineage/withdrawals.py",
            'plain = " ".join(units(text))',
            "plain = text",
            SOURCES,
        ),
        ("resources/models/protocol.py", "COMPLETION = 1", "COMPLETION = 2", CALL_MODELS),
        ("resources/models/thoughts.py", '("<think>", "</think>")', '("<t>", "</t>")', CALL_MODELS),
        ("warehouse/core/texts.py", '"""Text as it', '"""The text as it', set()),
    ],
)
def test_an_edit_outside_assets_makes_stale_what_uses_it(
    copied: Path, file: str, old: str, new: str, stale: set[str]
) -> None:
    before = digests(copied, GRAPH)
    text = (copied / file).read_text(encoding="utf-8")
    assert old in text
    (copied / file).write_text(text.replace(old, new), encoding="utf-8")
    after = digests(copied, GRAPH)
    assert {asset for asset in ALL if before[asset] != after[asset]} == stale
    assert all(before[asset][file] != after[asset][file] for asset in stale)
