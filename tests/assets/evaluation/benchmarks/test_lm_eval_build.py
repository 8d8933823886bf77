"""Benchmarks from lm-evaluation-harness must work in a whole build and not only in isolation. These tests check that
documents become items and get scores, that a second build makes no model calls, and that planning does not import
the harness."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.building import build, edit, planned, query
from tests.support.harness_documents import ARC, offline
from tests.support.tiny import ROOT
from warehouse.core.identity import file_digest

pytest.importorskip("lm_eval", reason="the extra lm_eval is not installed")


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    offline(monkeypatch)


SELECTION = {"benchmark": "lm_eval", "source": "arc", "count": 3}
FIELDS = {"instruction": "{question}", "details": "{*:json}"}

GRAPH = """
import sys
from assets.planning.graph import steps
from assets.loading.file import load_recipe

found = {step.asset for step in steps(load_recipe(sys.argv[1]))}
print("scores/lm_eval/base" in found, sorted({"lm_eval", "datasets", "torch", "evaluate"} & set(sys.modules)))
"""


@pytest.fixture
def with_arc(tiny: Path) -> Path:
    """The tiny recipe with three ARC documents as benchmark items."""
    source = tiny.parent / "arc.jsonl"
    source.write_text("".join(json.dumps(one) + "\n" for one in ARC))

    def more(values: dict[str, Any]) -> None:
        where = {"address": f"path:{source}", "sha256": file_digest(source)}
        values["sources"]["arc"] = values["sources"]["rows"] | where
        values["benchmark_items"].append(SELECTION | {"fields": FIELDS})
        values["evaluation"]["lm_eval"] = {"task": "arc_easy", "metrics": ["acc", "acc_norm"]}

    edit(tiny, more)
    return tiny


def test_the_graph_is_built_without_importing_the_harness(with_arc: Path) -> None:
    code = GRAPH.replace("sys.argv[1]", f"__import__('pathlib').Path({str(with_arc)!r})")
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout == "True []\n"


def test_a_build_scores_the_requested_metrics_and_a_second_one_computes_nothing(with_arc: Path) -> None:
    data, asset = with_arc.parent / "data", "scores/lm_eval/base"
    bounds = planned(with_arc, data, selection=f"+{asset}")
    log, failures = build(with_arc, data, f"+{asset}")
    assert failures == []
    assert log.actions == {"benchmark_items": "built", asset: "built"}
    assert log.computed[asset] == 10
    assert bounds[asset].error is None
    means = "SELECT metric, avg(value) FROM records.score GROUP BY ALL ORDER BY ALL"
    assert query(data, means).rows() == [("acc", 1 / 3), ("acc_norm", 2 / 3)]
    told = query(data, "SELECT DISTINCT role FROM lineage.edges WHERE child IN (SELECT id FROM records.score)")
    assert set(told["role"]) == {"item", "call"}
    edit(with_arc, lambda values: values["evaluation"]["lm_eval"].update(metrics=["acc"]))
    assert planned(with_arc, data, selection=f"+{asset}")[asset].calls == 0
    log, failures = build(with_arc, data, f"+{asset}")
    assert failures == []
    assert log.actions[asset] == "built"
    assert log.computed[asset] == 0


def test_a_build_reports_an_unknown_task(with_arc: Path) -> None:
    edit(with_arc, lambda values: values["evaluation"]["lm_eval"].update(task="arc_eazy"))
    _, failures = build(with_arc, with_arc.parent / "data", "+scores/lm_eval/base")
    (failure,) = failures
    assert "lm_eval has no task 'arc_eazy'" in str(failure)
