"""A filtered and an unfiltered arm of one method share most of their rows, which hides what the filter does. These
tests check that the shared rows of each two training sets are counted, that a comparison states them, and that an arm
with a draw of its own shares only what chance gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console
from typer.testing import CliRunner

from assets.reporting.overlaps import Overlap, current_overlaps, overlaps_behind, with_baseline
from assets.reporting.page import page
from assets.reporting.standings import caveats
from assets.reporting.study import study
from assets.reporting.tables import overlaps_table
from slingshot import app
from tests.assets.reporting.test_standings import OVER, row
from tests.support.building import build, edit, query, store
from warehouse.store.file_warehouse import FileWarehouse


def test_an_overlap_is_seen_from_the_baseline() -> None:
    found = [Overlap("a", 64, "b", 48, 40), Overlap("a", 64, "c", 64, 1), Overlap("b", 48, "c", 64, 2)]
    assert with_baseline(found, "b") == [Overlap("b", 48, "a", 64, 40), Overlap("b", 48, "c", 64, 2)]
    assert with_baseline(found, "base") == []


def test_the_leaderboard_says_what_an_arm_shares_with_the_baseline() -> None:
    shared = [Overlap("b", 48, "a", 64, 40), Overlap("b", 48, "c", 64, 2)]
    said = caveats(pl.DataFrame([row("a", **OVER), row("b")]), [("b", "rouge_l")], None, shared)
    assert said[-1] == "Rows that an arm has in common with the baseline: a 40 of 64, c 2 of 64."
    assert not any("in common" in one for one in caveats(pl.DataFrame([row("a")]), [("b", "rouge_l")]))


def test_the_table_shows_both_sizes() -> None:
    console = Console(width=100, record=True)
    console.print(overlaps_table([Overlap("a", 64, "b", 48, 40)], 100))
    assert [line.split() for line in console.export_text().splitlines()] == [
        ["training", "set", "rows", "and", "rows", "shared"],
        ["a", "64", "b", "48", "40"],
    ]


def test_a_build_counts_the_rows_that_training_sets_share(own: tuple[Path, Path]) -> None:
    recipe, data = own
    assert current_overlaps(store(data), ["self_training", "self_instruct"]) == []

    def change(values: dict[str, Any]) -> None:
        arm = values["arms"]["self_training"]
        values["arms"] = {"self_training": arm, "more": arm | {"rows": 5}, "apart": arm | {"rows": 5, "draw": "own"}}
        values["evaluation"]["baseline"] = "more"

    edit(recipe, change)
    log, failures = build(recipe, data)
    assert failures == []
    assert log.actions.keys() & {"training_sets/self_training", "students/self_training"} == set()
    rows = {arm: set(query(data, f"SELECT id FROM training_sets__{arm}")["id"]) for arm in ("more", "apart")}
    few = set(query(data, "SELECT id FROM training_sets__self_training")["id"])
    assert few < rows["more"]
    assert rows["apart"] != rows["more"]

    expected = [Overlap("self_training", 2, "more", 5, 2)]
    if both := few & rows["apart"]:
        expected.append(Overlap("self_training", 2, "apart", 5, len(both)))
    expected.append(Overlap("more", 5, "apart", 5, len(rows["more"] & rows["apart"])))
    arms = ["self_training", "more", "apart"]
    assert current_overlaps(store(data), arms) == expected
    published = store(data).current("leaderboard")
    assert published is not None
    assert overlaps_behind(store(data), published, arms) == expected

    said = f"Rows that an arm has in common with the baseline: self_training 2 of 2, apart {expected[-1].rows} of 5."
    shown = page(study(FileWarehouse(data / "slingshot.duckdb")))
    assert said in shown
    assert "Rows that training sets share" in shown
    status = CliRunner().invoke(app, ["status", "--recipe", str(recipe), "--warehouse", str(data)])
    assert said in " ".join(status.output.split())
