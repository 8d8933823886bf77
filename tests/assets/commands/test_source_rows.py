"""Most rows of a large source are only counted in the warehouse. Who asks what became of one, or wants it kept out for
good, must get the same answer as for a row on record: from the source itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from slingshot import app
from tests.support.building import query


@pytest.fixture
def project(tiny: Path, tmp_path: Path) -> tuple[str, Path]:
    """A recipe that leaves a part of its source to no role, and a warehouse with what it takes of it."""
    values = yaml.safe_load(tiny.read_text())
    for number, role in enumerate(("seed_tasks", "documents", "benchmark_items")):
        for selection in values[role]:
            selection |= {"slice": [25 * number, 25 * (number + 1)]}
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(values))
    found = str(recipe), tmp_path / "data"
    code, output = run(found, "build", "+documents")
    assert code == 0, output
    return found


def run(project: tuple[str, Path], *words: str) -> tuple[int, str]:
    recipe, data = project
    done = CliRunner().invoke(app, [*words, "--recipe", recipe, "--warehouse", str(data)], env={"COLUMNS": "300"})
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, " ".join(done.output.split())


def counted_row(project: tuple[str, Path]) -> dict[str, Any]:
    """A row of the source of which no text is on record."""
    recipe, data = project
    source = yaml.safe_load(Path(recipe).read_text())["sources"]["rows"]["address"].removeprefix("path:")
    known = " ".join(query(data, "SELECT content FROM lineage.records WHERE content IS NOT NULL")["content"])
    for kind, column in (("document", "text"), ("seed_task", "response"), ("benchmark_item", "reference")):
        known += " ".join(query(data, f"SELECT {column} FROM records.{kind}")[column])
    rows: list[dict[str, Any]] = [json.loads(line) for line in Path(source).read_text().splitlines()]
    return next(row for row in rows if row["text"] not in known)


def test_why_not_answers_for_a_row_that_is_only_counted(project: tuple[str, Path]) -> None:
    text = counted_row(project)["text"]
    code, output = run(project, "why-not", text[: len(text) // 2].upper())
    assert code == 0
    for asset in ("documents", "seed_tasks", "benchmark_items"):
        assert f"rejected by {asset}: outside the slice" in output or f"rejected by {asset}: not sampled" in output
    done, output = run(project, "why-not", output.split()[1])
    assert (done, "rejected by documents: " in output) == (0, True)
    assert run(project, "why-not", "no row says this")[0] == 1


def test_a_row_that_is_only_counted_can_be_recalled_and_stays_out(project: tuple[str, Path]) -> None:
    row = counted_row(project)
    row_id = run(project, "why-not", row["text"])[1].split()[1]
    data = project[1]
    code, output = run(project, "recall", row_id, "--dry-run")
    assert (code, output.startswith(f"document {row_id}: ")) == (0, True)
    # To look is not to record.
    assert query(data, f"SELECT id FROM lineage.records WHERE id = '{row_id}'").is_empty()
    code, output = run(project, "recall", row_id, "--reason", "the author asked")
    assert (code, output.endswith("withdrawn; the next build leaves it out")) == (0, True)
    assert query(data, "SELECT id, reason FROM lineage.withdrawals").rows() == [(row_id, "the author asked")]
    assert run(project, "recall", "f" * 32, "--reason", "why")[0] == 1
    assert run(project, "build", "+documents")[0] == 0
    done = CliRunner().invoke(app, ["audit", "--warehouse", str(data)])
    assert done.exit_code == 0, done.output
    kept = [text for asset in ("documents", "benchmark_items") for text in texts(data, asset)]
    assert row["text"] not in kept


def texts(data: Path, asset: str) -> list[str]:
    column = {"documents": "text", "benchmark_items": "reference"}[asset]
    return query(data, f"SELECT {column} FROM {asset}")[column].to_list()
