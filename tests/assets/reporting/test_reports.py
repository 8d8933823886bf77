"""People decide from these lines whether to start a build. An unknown cost must not look like no cost."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from assets.planning.planned import Certainty, Planned
from assets.reporting.plan_tables import plan_lines, plan_summary

FRESH = Planned("a", "fresh", same_content=True)
REASON = ("never built",)


def waiting(**more: Any) -> Planned:
    return Planned("c", "waiting", ("waits for b",), certainty=Certainty.BOUNDED, **more)


@pytest.mark.parametrize(
    ("plan", "sentence"),
    [
        ([FRESH], "1 asset, all fresh: a build has nothing to do"),
        ([FRESH, FRESH], "2 assets, all fresh: a build has nothing to do"),
        ([FRESH, Planned("b", "restore", REASON)], "2 assets: 1 fresh, 1 restore; no model call to compute"),
        ([Planned("b", "stale", REASON, rows=3)], "1 asset: 1 stale; no model call to compute"),
        (
            [Planned("b", "stale", REASON, calls=1, seconds=1.0)],
            "1 asset: 1 stale; 1 model call to compute, 1.0 s at the rates measured here",
        ),
        (
            [FRESH, Planned("b", "stale", REASON, calls=12, seconds=90.0), waiting(calls=3, seconds=40.0)],
            "3 assets: 1 fresh, 1 stale, 1 waiting; at most 15 model calls to compute, "
            "at most 2 min at the rates measured here",
        ),
        (
            [Planned("b", "stale", REASON, calls=2, seconds=3600.0), Planned("c", "stale", REASON, rows=1)],
            "2 assets: 2 stale; 2 model calls to compute, 60 min at the rates measured here",
        ),
        (
            [Planned("b", "stale", REASON, calls=2, seconds=9000.0)],
            "1 asset: 1 stale; 2 model calls to compute, 2.5 h at the rates measured here",
        ),
        (
            [Planned("b", "stale", REASON, calls=2, seconds=1.0), Planned("c", "stale", REASON, calls=2, seconds=None)],
            "2 assets: 2 stale; 4 model calls to compute; how long some of them take is not known yet",
        ),
        ([FRESH, waiting(most_rows=3)], "2 assets: 1 fresh, 1 waiting; no model call to compute"),
        (
            [Planned("b", "stale", REASON, calls=2, seconds=1.0), waiting(calls=None, seconds=None)],
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


def shown(*plan: Planned, everything: bool = False, width: int = 80, **inputs: list[str]) -> list[str]:
    """The lines of a plan below its title; `inputs` are what each asset reads."""
    console = Console(width=width)
    with console.capture() as capture:
        console.print(*plan_lines(plan, inputs, width, everything), sep="\n")
    return [line.rstrip() for line in capture.get().splitlines()][1:]


@pytest.mark.parametrize(
    ("one", "lines"),
    [
        (FRESH, []),
        (
            Planned("b", "stale", ("k 1 → 2", "1 pair added"), rows=3, calls=1, from_memo=2, seconds=0.5),
            ["stale    b            3       1     0.5 s", "           k 1 → 2; 1 pair added; 2 calls from the memo"],
        ),
        (Planned("b", "stale", REASON, rows=3), ["stale    b            3", "           never built"]),
        (
            Planned("b", "stale", ("k 1 → 2",), rows=3, same_content=True),
            ["stale    b            3", "           k 1 → 2; its rows do not change"],
        ),
        (Planned("b", "restore", ("k 1 → 2",)), ["restore  b", "           k 1 → 2"]),
        (
            Planned("b", "restore", ("k 1 → 2",), same_content=True),
            ["restore  b", "           k 1 → 2; its rows do not change"],
        ),
        (waiting(most_rows=4, calls=3, seconds=300.0), ["waiting  c          ≤ 4     ≤ 3   ≤ 5 min"]),
        (waiting(most_rows=4), ["waiting  c          ≤ 4"]),
        (waiting(calls=None, seconds=None), ["waiting  c            ?       ?         ?"]),
        (waiting(most_rows=0, calls=2, seconds=None), ["waiting  c          ≤ 0     ≤ 2         ?"]),
        (
            Planned("b", "fails", REASON, calls=7, error="odd"),
            ["fails    b", "           never built; a build fails: odd"],
        ),
        (Planned("b", "blocked", error="a is not there"), ["blocked  b", "           a is not there"]),
    ],
)
def test_an_asset_is_shown_with_state_cost_and_reasons(one: Planned, lines: list[str]) -> None:
    assert shown(one) == lines


def test_that_nothing_was_built_yet_is_said_once() -> None:
    first = [Planned(name, "stale", REASON, rows=3) for name in ("a", "b")]
    assert shown(*first) == ["stale    a            3", "stale    b            3", "none of these was ever built"]
    assert shown(first[0], Planned("b", "stale", ("k 1 → 2",), rows=3)) == [
        *("stale    a            3", "           never built"),
        *("stale    b            3", "           k 1 → 2"),
    ]


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
    assert shown(Planned("b", "stale", (reason,)))[1].strip() == reason
    assert shown(Planned("b", "fails", error=reason))[1].strip() == f"a build fails: {reason}"


def test_what_fails_and_what_changed_come_first_and_fresh_assets_only_on_request() -> None:
    plan = [
        FRESH,
        Planned("follows", "stale", ("changed: 1 pair added",), rows=1),
        waiting(most_rows=1),
        Planned("after", "blocked", error="odd"),
        Planned("changed", "stale", ("k 1 → 2",), rows=1),
        Planned("broken", "fails", error="odd"),
    ]
    reads = {"follows": ["changed"], "changed": ["a"], "after": ["broken"]}
    assert shown(*plan, **reads) == [
        "fails    broken",
        "           a build fails: odd",
        "stale    changed        1",
        "           k 1 → 2",
        "stale    follows        1",
        "           changed: 1 pair added",
        "waiting  c            ≤ 1",
        "blocked  after",
    ]
    assert shown(*plan, everything=True, **reads)[-4:] == [
        "waiting  c            ≤ 1",
        "           waits for b",
        "blocked  after",
        "fresh    a",
    ]


def test_the_calls_of_what_fails_do_not_count() -> None:
    plan = [Planned("b", "fails", REASON, calls=100, error="odd"), Planned("c", "blocked", error="odd")]
    assert plan_summary(plan) == "2 assets: 1 fails, 1 blocked; no model call to compute"


def test_long_names_keep_the_end_that_tells_them_apart() -> None:
    arms = ("extract_then_generate", "filtered_extract_then_generate")
    plan = [Planned(f"enhanced_instructions/{arm}", "stale", rows=1) for arm in arms]
    assert shown(*plan) == [
        "stale    enhanced_instructions/extract_then_generate         1",
        "stale    enhanced_ins…/filtered_extract_then_generate        1",
    ]
