"""A set that people have already is cleaned without any model. If a rule let a row through, or dropped one without a
word, they could not trust the result; so one row for each rule goes in, and each must come out with its reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from slingshot import open as open_project
from tests.test_readme import section
from warehouse.core.identity import file_digest

GOOD = [
    {
        "instruction": f"Explain in two sentences what {thing} is used for.",
        "output": f"{about} People value it for that.",
    }
    for thing, about in (
        ("a compass", "A compass shows where north is, so that travellers find their way at sea and on land."),
        ("a kettle", "A kettle heats water until it boils, which makes tea and coffee possible at any hour."),
        ("a ladder", "A ladder lets workers reach high places such as roofs, shelves and the tops of trees."),
        ("a needle", "A needle pulls a thread through cloth, and in this way two pieces become one garment."),
        ("a lantern", "A lantern gives light in the dark, and its glass keeps the wind away from the flame."),
    )
]
BAD = {
    "language: de": {
        "instruction": "Wozu braucht man eigentlich einen Regenschirm?",
        "output": "Ein Regenschirm hält den Regen ab, wenn man durch die Stadt geht, und schützt auch vor der Sonne.",
    },
    "personal data in the response: email": {
        "instruction": "Explain in two sentences whom I should ask about the garden.",
        "output": "You should ask Ann, who knows the garden well. Write to ann.lee@proton.me before you visit her.",
    },
    "near duplicate": {
        "instruction": "Explain in two sentences what a compass is used for!",
        "output": "A compass shows where north is, so that travellers find their way at sea and on land. "
        "People value it for this.",
    },
    "response too short": {"instruction": "Explain in two sentences what a pen is used for.", "output": "It writes."},
    "text of a benchmark item": {
        "instruction": "Describe the old stone bridge near the river.",
        "output": "The bridge was built by hand in one summer, and it still carries carts over the river today.",
    },
}
ITEMS = [{"question": one["instruction"], "answer": one["output"]} for one in (BAD["text of a benchmark item"],)]


@pytest.fixture
def recipe(tiny: Path, tmp_path: Path) -> Path:
    """The recipe of the manual, with a set of a few rows and one benchmark item."""
    manual = section("assets/sources/README.md", "A whole set")
    values = yaml.safe_load(manual.split("```yaml\n")[1].split("```")[0])
    rows = [row | {"input": ""} for row in (*GOOD, *BAD.values())]
    files = {"ours": rows, "items": ITEMS}
    base = yaml.safe_load(tiny.read_text())
    for name, lines in files.items():
        file = tmp_path / f"{name}.jsonl"
        file.write_text("".join(json.dumps(line) + "\n" for line in lines))
        base["sources"][name] = base["sources"]["rows"] | {"address": f"path:{file}", "sha256": file_digest(file)}
    # The text of a benchmark item does not even become a seed task.
    base["seed_tasks"] = [values["seed_tasks"][0] | {"count": len(rows) - 1}]
    base["benchmark_items"] = [
        {
            "benchmark": "longform",
            "source": "items",
            "count": 1,
            "fields": {"instruction": "{question}", "reference": "{answer}"},
        }
    ]
    base["generation"] = {"model": "generator", "seeds": {"count": len(rows) - 1}}
    base["enhancement"] = values["enhancement"]
    base["curation"] = values["curation"] | {"rows": len(GOOD)}
    base["arms"] = values["arms"]
    path = tmp_path / "ours.yaml"
    path.write_text(yaml.safe_dump(base, sort_keys=False))
    return path


def test_every_rule_leaves_out_its_row_and_why_not_says_which(recipe: Path, tmp_path: Path) -> None:
    project = open_project(recipe, warehouse=tmp_path / "data")
    project.build("+training_sets/cleaned")
    kept = project.rows("training_sets/cleaned")["instruction"]
    assert sorted(text.rstrip(".!") for text in kept) == sorted(one["instruction"].rstrip(".") for one in GOOD)
    for reason, row in BAD.items():
        asked = [
            row["instruction"],
            *(one["instruction"] for one in GOOD if one["instruction"][:-1] in row["instruction"]),
        ]
        # Which of two near duplicates stays is a matter of their order.
        (text,) = {*asked} - {*kept}
        dropped = [one.reason for answer in project.why_not(text).answers for one in answer.dropped]
        assert dropped == [reason]
    assert project.sql("SELECT DISTINCT kind FROM memo.calls").is_empty()
