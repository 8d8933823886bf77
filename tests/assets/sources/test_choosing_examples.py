"""People copy the examples of the manual. So each is run as printed: its rows, its keys, the outcome of every row."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
import yaml

from assets.recipe.selections import SeedSelection
from assets.sources import seed_tasks
from assets.sources.seeding import select
from tests.support.tiny import ROOT

MANUAL = (ROOT / "assets/sources/README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(
    r"^```jsonl\n(.*?)^```\n\n```yml\n(.*?)^```\n\n```text\n(.*?)^```\n", MANUAL, re.DOTALL | re.MULTILINE
)


def test_every_key_has_an_example() -> None:
    keys = {key for _, text, _ in EXAMPLES for key in yaml.safe_load(text)}
    assert keys == {"where", "each", "join", "absent", "fields"}
    assert len(EXAMPLES) == len(re.findall(r"^```jsonl$", MANUAL, re.MULTILINE)) == 6


@pytest.mark.parametrize(("rows", "keys", "outcomes"), EXAMPLES)
def test_an_example_of_the_manual_gives_what_it_says(rows: str, keys: str, outcomes: str, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(rows, encoding="utf-8")
    kept = sum("→" in line for line in outcomes.splitlines())
    selection = SeedSelection.model_validate({"source": "mine", "count": kept} | yaml.safe_load(keys))
    result = select(seed_tasks.ROLE, [selection], lambda name: ("5" * 32, file), 7).result()
    found = [
        " → ".join((" | ".join(filter(None, (instruction, given))), response))
        for instruction, given, response in result.kept.select("instruction", "input", "response").rows()
    ]
    for outcome, reason in result.decisions.select("outcome", "reason").rows():
        found += [f"{outcome}: {reason}"] if outcome != "kept" else []
    assert Counter(found) == Counter(outcomes.splitlines())
