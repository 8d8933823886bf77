"""Tests each command that auditors use, as text and as JSON, on a warehouse that was built. An attestation must be
verifiable without the warehouse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from slingshot import app
from tests.support.building import query

ARM = "self_training"


def run(data: Path, *words: str) -> tuple[int, str]:
    """The exit code, and the output with single spaces between words."""
    done = CliRunner().invoke(app, [*words, "--warehouse", str(data)], env={"COLUMNS": "300"})
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, " ".join(done.output.split())


def answer(data: Path, *words: str) -> Any:
    done = CliRunner().invoke(app, [*words, "--json", "--warehouse", str(data)])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.fixture
def row(built: tuple[Path, Path]) -> dict[str, Any]:
    return query(built[1], f"FROM training_sets__{ARM}").row(0, named=True)


def test_why_shows_texts_prompts_models_decisions_and_the_recipe(built: tuple[Path, Path], row: dict[str, Any]) -> None:
    data = built[1]
    code, output = run(data, "why", row["id"][:10])
    assert code == 0
    for part in (
        f"pair {row['id']} of raw_{ARM}",
        f"response: {' '.join(row['response'].split())[:20]}",
        f"kept by training_sets/{ARM}",
        "instruction: seed_task",
        "source: source rows: CC0-1.0, origin human, path:",
        "call: completion",
        f"asked: user: {row['instruction']}",
        "model: model generator: Apache-2.0",
        f"current recipe for training_sets/{ARM}",
    ):
        assert part in output, part
    found = answer(data, "why", row["id"])
    assert found["row"] == {"sort": "record", "id": row["id"], "kind": "pair", "name": f"raw_{ARM}"}
    assert {node["kind"] for node in found["nodes"].values()} == {"pair", "seed_task", "source", "completion", "model"}
    (under,) = [one for one in found["recipes"] if one["asset"] == f"training_sets/{ARM}"]
    assert (under["is_current"], under["recipe"]["curation.rows"]) == (True, 2)


def test_why_not_shows_the_rule_that_dropped_a_row(built: tuple[Path, Path]) -> None:
    data = built[1]
    dropped = query(data, f"FROM lineage.outcomes WHERE asset = 'training_sets/{ARM}' AND outcome = 'rejected'")
    one = dropped.row(0, named=True)
    code, output = run(data, "why-not", one["record"])
    assert code == 0
    assert f"rejected by training_sets/{ARM}: beyond the budget, score {one['score']:g} against cut 2" in output
    (found,) = answer(data, "why-not", one["record"])["answers"]
    assert [decision["reason"] for decision in found["dropped"]] == ["beyond the budget"]
    code, output = run(data, "why-not", "no row says this")
    assert (code, "no row has the id or contains the text 'no row says this': searched" in output) == (1, True)


def test_trace_leads_down_to_scores(built: tuple[Path, Path], row: dict[str, Any]) -> None:
    data = built[1]
    code, output = run(data, "trace", row["id"], "--down")
    assert code == 0
    assert "checkpoint 1" in output
    assert f"name {ARM}" in output
    found = answer(data, "trace", "generator", "--down")
    kinds = {"checkpoint", "completion", "fragment", "loss", "pair", "perplexity", "prediction", "score", "standing"}
    assert kinds <= found["by_kind"].keys()
    assert found["start"]["kind"] == "model"


def test_diff_of_a_version_with_itself_is_empty(built: tuple[Path, Path]) -> None:
    data = built[1]
    code, output = run(data, "diff", "documents", "documents")
    assert (code, output.endswith("0 added, 0 removed, 0 with a changed decision")) == (0, True)
    assert answer(data, "diff", "documents", "documents")["added"] == []


def test_the_ledger_shows_rows_per_asset_and_why_rows_were_dropped(built: tuple[Path, Path]) -> None:
    data = built[1]
    code, output = run(data, "ledger")
    assert code == 0
    assert output.endswith("44 assets: every row that came in was decided about once")
    assert output.index("documents") < output.index("raw_instruction_generation") < output.index("training_sets/")
    entries = {entry["asset"]: entry for entry in answer(data, "ledger")}
    assert entries["documents"]["incoming"] == 120
    assert entries["documents"]["outcomes"]["kept"] == 12
    assert "outside the slice" in entries["documents"]["reasons"]["rejected"]


def test_the_audit_of_what_was_built_finds_nothing(built: tuple[Path, Path]) -> None:
    data = built[1]
    code, output = run(data, "audit")
    assert (code, "NO" in output) == (0, False)
    found = answer(data, "audit")
    assert found["findings"] == []
    assert found["openness"][f"training_sets/{ARM}"] == {"passed": True, "models": "generator", "sources": "rows"}
    code, output = run(data, "quarantine")
    assert (code, output.split(";")[0]) == (0, "0 quarantined")


def test_an_export_is_attested_and_verified_and_a_changed_file_is_found(own: tuple[Path, Path], tmp_path: Path) -> None:
    recipe, data = own
    folder = tmp_path / "exports"
    code, output = run(data, "attest", ARM, "--to", str(folder))
    assert (code, f"export it first: slingshot export {ARM} --to" in output) == (1, True)
    assert run(data, "export", ARM, "--to", str(folder), "--recipe", str(recipe))[0] == 0
    code, output = run(data, "attest", ARM, "--to", str(folder))
    assert code == 0
    assert "rows 2, Merkle root " in output
    attestation = folder / f"{ARM}.intoto.json"
    statement = json.loads(attestation.read_text())
    materials = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert [(one["name"], one["annotations"]["slingshot_licence"]) for one in materials] == [
        ("generator", "Apache-2.0"),
        ("rows", "CC0-1.0"),
    ]
    runner = CliRunner()
    done = runner.invoke(app, ["verify", str(attestation)])
    assert (done.exit_code, f"data/{ARM}/train.parquet" in done.output) == (0, True)
    changed = folder / f"alpaca/{ARM}/train.jsonl"
    changed.write_bytes(changed.read_bytes().replace(b"a", b"b", 1))
    done = runner.invoke(app, ["verify", str(attestation)])
    assert (done.exit_code, f"alpaca/{ARM}/train.jsonl" in done.output) == (1, True)
    code, output = run(data, "attest", ARM, "--to", str(folder))
    assert (code, "is not what was exported" in output) == (1, True)
