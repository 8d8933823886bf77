"""`show` is how people read their data on a terminal: texts must fit 80 columns whole, and a dropped row say why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import slingshot
from tests.support.building import query
from tests.support.versions import gated_pairs, ids_by_text, publish
from warehouse.core.texts import on_one_line
from warehouse.results.result import Gate
from warehouse.schema.records import Document
from warehouse.store.file_warehouse import FileWarehouse
from warehouse.store.versions import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(FileWarehouse(tmp_path / "slingshot.duckdb"))


def shown(store: Store, *words: str, code: int = 0) -> str:
    """The output of `show` on a terminal of 80 columns."""
    arguments = ["show", *words, "--warehouse", str(store.database.path.parent)]
    done = CliRunner().invoke(slingshot.app, arguments, env={"COLUMNS": "80"})
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code == code, done.output
    return done.output


def test_each_row_is_a_block_with_its_decision_scores_and_texts(store: Store) -> None:
    gated_pairs(store)
    ids = ids_by_text(store, "pairs")
    assert shown(store, "gated", "--outcome", "rejected", "--limit", "1").splitlines() == [
        "gated, version 333333333: 2 kept, 2 rejected, 1 duplicate",
        "1 of 2 rows that match",
        "",
        f"{ids['c'][:12]}  rejected: perplexity, score 2 against cut 1",
        "  method       m",
        "  instruction  why c",
        "  response     c",
        "",
        f"where a row came from: slingshot why {ids['c'][:12]}",
    ]
    assert "  rejected by gated: perplexity, score 2 against cut 1" in shown(
        store, "pairs", "--where", "response = 'c'"
    )
    assert f"duplicate: similar instruction, score 0.95 against cut 0.9, of {ids['a']}" in on_one_line(
        shown(store, "gated", "--reason", "similar")
    )


def test_long_texts_are_cut_unless_all_is_asked_for_and_no_word_of_them_is_lost(store: Store) -> None:
    text = " ".join(f"word{number}" for number in range(200))
    gate = Gate(Document)
    gate.keep({"source": "wiki", "title": "[red] & :fox:", "text": text}, [("5" * 32, "source")])
    gate.quarantine({"row": {"title": "x"}}, "field 'text' is absent", [("5" * 32, "source")])
    publish(store, "documents", "1", gate.result())
    cut = shown(store, "documents")
    assert "[red] & :fox:" in cut
    assert 'quarantined: field \'text\' is absent\n  row  {"title": "x"}\n' in cut
    assert "word30" in cut
    assert "word40" not in cut
    whole = shown(store, "documents", "--all")
    assert text in on_one_line(whole)
    assert max(len(line) for line in whole.splitlines()[3:]) <= 160


def test_json_has_the_same_rows(store: Store) -> None:
    gated_pairs(store)
    found = json.loads(shown(store, "gated", "--outcome", "duplicate", "--json"))
    assert {name: found[name] for name in ("asset", "kind", "matching", "outcomes")} == {
        "asset": "gated",
        "kind": "pair",
        "matching": 1,
        "outcomes": {"kept": 2, "rejected": 2, "duplicate": 1},
    }
    assert found["rows"] == [
        {
            "id": ids_by_text(store, "pairs")["twin of a"],
            "outcome": "duplicate",
            "reason": "similar instruction",
            "score": 0.95,
            "cut": 0.9,
            "duplicate_of": ids_by_text(store, "pairs")["a"],
            "position": 4,
            "scores": [],
            "content": {
                "method": "m",
                "level": "",
                "instruction": "why twin of a",
                "input": "",
                "response": "twin of a",
            },
        }
    ]


def test_an_unknown_asset_and_a_bad_condition_are_one_clear_line(store: Store) -> None:
    gated_pairs(store)
    assert shown(store, "gatd", code=1).startswith(
        "slingshot: the asset 'gatd' was not built here; did you mean 'gated'?"
    )
    assert shown(store, "gated", "--where", "scroe > 1", code=1).startswith(
        "slingshot: the condition cannot be used: Binder Error"
    )
    assert "Invalid value for '--outcome'" in shown(store, "gated", "--outcome", "dropped", code=2)


def test_rows_of_every_asset_of_a_build_can_be_shown(built: tuple[Path, Path]) -> None:
    project = slingshot.open(*built)
    counted = dict(query(built[1], "SELECT asset, count(*) FROM lineage.outcomes GROUP BY 1").iter_rows())
    for step in project.steps:
        found = project.show(step.asset, limit=100_000)
        assert len(found) == counted.get(step.asset, 0), step.asset
        kept = found.filter(outcome="kept")
        assert kept["id"].to_list() == project.rows(step.asset)["id"].to_list(), step.asset
        done = CliRunner().invoke(slingshot.app, ["show", step.asset, "--warehouse", str(built[1])])
        assert done.exit_code == 0, done.output
