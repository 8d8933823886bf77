"""People decide from these lines whether to start a build. An unknown cost must not look like no cost."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from assets.planning.planned import Certainty, Planned
from assets.reporting.tables import plan_summary, plan_table

FRESH = Planned("a", "none", same_content=True)
REASON = ("never built",)


def waiting(**more: Any) -> Planned:
    return Planned("c", "wait", ("waits for b",), certainty=Certainty.BOUNDED, **more)


@pytest.mark.parametrize(
    ("plan", "sentence"),
    [
        ([FRESH], "1 asset, all fresh: a build has nothing to do"),
        ([FRESH, FRESH], "2 assets, all fresh: a build has nothing to do"),
        ([FRESH, Planned("b", "restore", REASON)], "2 assets: 1 fresh, 1 restore; no model call to compute"),
        ([Planned("b", "build", REASON, rows=3)], "1 asset: 1 stale; no model call to compute"),
        (
            [Planned("b", "build", REASON, calls=1, seconds=1.0)],
            "1 asset: 1 stale; 1 model call to compute, 1.0 s at the rates measured here",
        ),
        (
            [FRESH, Planned("b", "build", REASON, calls=12, seconds=90.0), waiting(calls=3, seconds=40.0)],
            "3 assets: 1 fresh, 1 stale, 1 waiting; at most 15 model calls to compute, "
            "at most 2 min at the rates measured here",
        ),
        (
            [Planned("b", "build", REASON, calls=2, seconds=3600.0), Planned("c", "build", REASON, rows=1)],
            "2 assets: 2 stale; 2 model calls to compute, 60 min at the rates measured here",
        ),
        (
            [Planned("b", "build", REASON, calls=2, seconds=9000.0)],
            "1 asset: 1 stale; 2 model calls to compute, 2.5 h at the rates measured here",
        ),
        (
            [Planned("b", "build", REASON, calls=2, seconds=1.0), Planned("c", "build", REASON, calls=2, seconds=None)],
            "2 assets: 2 stale; 4 model calls to compute; how long some of them take is not known yet",
        ),
        ([FRESH, waiting(most_rows=3)], "2 assets: 1 fresh, 1 waiting; no model call to compute"),
        (
            [Planned("b", "build", REASON, calls=2, seconds=1.0), waiting(calls=None, seconds=None)],
            "2 assets: 1 stale, 1 waiting; at most 2 model calls to compute, apart from those of 1 asset, "
            "which cannot be counted yet",
        ),
        (
            [waiting(calls=None, seconds=None), waiting(calls=None, seconds=None)],
            "2 assets: 2 waiting; no model call to compute, apart from those of 2 assets, which cannot be counted yet",
        ),
    ],
)
def test_the_summary_says_what_a_build_would_do(plan: list[Planned], sentence: str) -> None:
    assert plan_summary(plan) == sentence


def line(one: Planned) -> list[str]:
    """The cells of an asset's line."""
    console = Console(width=300)
    cells = [next(iter(column.cells)) for column in plan_table([one]).columns]
    return ["".join(segment.text for segment in console.render(cell)).strip() for cell in cells]


@pytest.mark.parametrize(
    ("one", "cells"),
    [
        (FRESH, ["a", "fresh", "", "", "", "", ""]),
        (
            Planned("b", "build", ("k 1 → 2", "1 pair added"), rows=3, calls=1, from_memo=2, seconds=0.5),
            ["b", "stale", "k 1 → 2; 1 pair added", "3", "1", "2", "0.5 s"],
        ),
        (Planned("b", "build", REASON, rows=3), ["b", "stale", "never built", "3", "", "", ""]),
        (
            Planned("b", "build", ("k 1 → 2",), rows=3, from_memo=3, same_content=True),
            ["b", "stale", "k 1 → 2; its rows do not change", "3", "", "3", ""],
        ),
        (Planned("b", "restore", ("k 1 → 2",)), ["b", "restore", "k 1 → 2", "", "", "", ""]),
        (
            Planned("b", "restore", ("k 1 → 2",), same_content=True),
            ["b", "restore", "k 1 → 2; its rows do not change", "", "", "", ""],
        ),
        (
            waiting(most_rows=4, calls=3, from_memo=1, seconds=300.0),
            ["c", "waiting", "waits for b", "≤ 4", "≤ 3", "1", "≤ 5 min"],
        ),
        (waiting(most_rows=4), ["c", "waiting", "waits for b", "≤ 4", "", "", ""]),
        (waiting(calls=None, seconds=None), ["c", "waiting", "waits for b", "?", "?", "", "?"]),
        (waiting(most_rows=0, calls=2, seconds=None), ["c", "waiting", "waits for b", "≤ 0", "≤ 2", "", "?"]),
        (Planned("b", "build", REASON, error="odd"), ["b", "stale", "never built; fails: odd", "", "", "", ""]),
        (Planned("b", "wait", error="a is not there"), ["b", "waiting", "fails: a is not there", "", "", "", ""]),
    ],
)
def test_a_line_of_the_table_shows_state_reasons_and_cost(one: Planned, cells: list[str]) -> None:
    assert line(one) == cells


@pytest.mark.parametrize(
    "reason",
    [
        "fields.instruction tell [briefly] → [bold]tell[/bold]",
        "fields.instruction a → a [/] b",
        "arms.x.filters [true] → [null, 1]",
        "fields.instruction :apple: → a",
    ],
)
def test_texts_of_the_recipe_are_shown_unchanged(reason: str) -> None:
    assert line(Planned("b", "build", (reason,)))[2] == reason
    assert line(Planned("b", "build", error=reason))[2] == f"fails: {reason}"


def test_the_table_has_a_header_and_a_line_per_asset() -> None:
    console = Console(width=100)
    with console.capture() as capture:
        console.print(plan_table([FRESH, Planned("b", "build", REASON, calls=2, seconds=1.0)]))
    assert [row.split() for row in capture.get().splitlines()] == [
        ["asset", "state", "because", "rows", "calls", "in", "memo", "model", "time"],
        ["a", "fresh"],
        ["b", "stale", "never", "built", "?", "2", "1.0", "s"],
    ]
