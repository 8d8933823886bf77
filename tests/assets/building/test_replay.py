"""Rows in quarantine are not lost. Once the cause is fixed, a replay decides about them again, and computes no stored
call again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandera.polars as pa
from typer.testing import CliRunner

from assets.steps.step import Step
from resources.tools.tools import Tools
from slingshot import app
from tests.support.building import build, edit, query
from warehouse.core.identity import file_digest
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Document


def run(command: str, recipe: Path, data: Path, *options: str) -> str:
    done = CliRunner().invoke(app, [command, "--recipe", str(recipe), "--warehouse", str(data), *options])
    assert done.exit_code == 0, done.output
    return " ".join((done.stdout if options else done.output).split())


def test_rows_without_a_field_leave_quarantine_once_the_mapping_is_fixed(tiny: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    source = tmp_path / "rows.jsonl"
    rows = [json.loads(line) for line in source.read_text().splitlines()]
    for row in rows[:60]:
        del row["title"]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    edit(tiny, lambda recipe: recipe["sources"]["rows"].update(sha256=file_digest(source)))
    _, failures = build(tiny, data, "+raw_self_training")
    assert failures == []
    before = query(data, "SELECT quarantined FROM lineage.ledger WHERE asset = 'seed_tasks'")["quarantined"][0]
    assert before > 0
    shown = run("replay", tiny, data)
    assert "source, recipe and code have not changed since these rows were quarantined" in shown
    assert f"seed_tasks: {before} quarantined before, {before} now" in shown
    unchanged = {"asset": "seed_tasks", "before": before, "now": before}
    assert unchanged in json.loads(run("replay", tiny, data, "--json"))

    def fix(recipe: dict[str, Any]) -> None:
        for selection in (*recipe["seed_tasks"], *recipe["benchmark_items"]):
            selection["fields"]["instruction"] = "what is {title?} here"

    edit(tiny, fix)
    assert f"seed_tasks: {before} quarantined before, 0 now" in run("replay", tiny, data)
    assert "nothing is quarantined" in run("replay", tiny, data)


def test_a_changed_rule_of_the_table_gives_a_new_version() -> None:
    def make(tools: Tools) -> Result:
        return Gate(Document).result()

    step = Step("documents", "sources", "Documents.", Document, make, {})

    class Strict(Document):
        title: str = pa.Field(str_length={"min_value": 3})

    Strict.__module__, Strict.__name__ = Document.__module__, Document.__name__
    stricter = Step("documents", "sources", "Documents.", Strict, make, {})
    assert step.code.keys() == stricter.code.keys()
    assert step.target({}).version != stricter.target({}).version
