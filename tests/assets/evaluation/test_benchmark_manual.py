"""A benchmark is one file: the manual lists all that there are, and the one that it shows works as printed."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from assets.evaluation.benchmark import benchmarks
from tests.support.building import query
from tests.support.printed import build_with
from tests.support.tiny import ROOT

MANUAL = (ROOT / "assets/evaluation/README.md").read_text(encoding="utf-8")


def test_the_manual_lists_every_benchmark() -> None:
    (section,) = re.findall(r"## Benchmarks\n(.*?)\n## ", MANUAL, re.DOTALL)
    assert sorted(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == list(benchmarks())


def test_the_benchmark_that_the_manual_shows_works_as_printed(tiny: Path, tmp_path: Path) -> None:
    recipe = yaml.safe_load(tiny.read_text())
    recipe["evaluation"] = {"coverage": {"answer": {"max_new_tokens": 8}}}
    recipe["benchmark_items"][0]["benchmark"] = "coverage"
    tiny.write_text(yaml.safe_dump(recipe, sort_keys=False))
    file = "assets/evaluation/benchmarks/coverage.py"
    assert build_with(MANUAL, file, tiny, tmp_path, "+scores/coverage/base") == "[]"
    answers = query(
        tmp_path / "data",
        "SELECT s.value, p.text, i.reference FROM records.score s JOIN records.prediction p ON p.item = s.item "
        "JOIN records.benchmark_item i ON i.id = s.item WHERE s.metric = 'covered_words'",
    )
    assert len(answers) == 2
    for value, text, reference in answers.iter_rows():
        wanted = set(re.findall(r"\w+", reference))
        assert value == len(wanted & set(re.findall(r"\w+", text))) / len(wanted)
