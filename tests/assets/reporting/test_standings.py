"""Readers trust a number unless the page says otherwise. So only the baseline is called that, other arms without a
verdict are "not compared", and the limits of a leaderboard are listed under it."""

from __future__ import annotations

from typing import Any

import polars as pl
from rich.console import Console

from assets.reporting.score_tables import leaderboard_tables, nothing_differs
from assets.reporting.standings import caveats, figure, standing_of


def row(arm: str, metric: str = "rouge_l", items: int = 9, seeds: int = 3, **more: Any) -> dict[str, Any]:
    compared = dict.fromkeys(("over_baseline", "over_low", "over_high", "p_value", "verdict"))
    numbers = {"mean": 5.0, "low": 4.0, "high": 6.0, "items": items, "seeds": seeds}
    return {"arm": arm, "benchmark": "b", "metric": metric, "unit": "%", "better": "higher"} | numbers | compared | more


OVER = {"over_baseline": 1.0, "over_low": -1.0, "over_high": 2.0, "p_value": 0.5, "verdict": "within the noise"}


def test_without_a_verdict_an_arm_is_the_baseline_or_not_compared() -> None:
    assert standing_of(row("x", **OVER), "base") == "within the noise"
    assert standing_of(row("base"), "base") == "baseline"
    assert standing_of(row("x"), "base") == "not compared"
    assert standing_of(row("base"), "x") == "not compared"


LONG = "filtered_extract_then_generate"


def terminal(standings: pl.DataFrame, width: int) -> list[str]:
    """The lines of a leaderboard in a terminal of this width."""
    console = Console(width=width)
    with console.capture() as capture:
        console.print(*leaderboard_tables(standings, "base", width), sep="\n")
    return [line.rstrip() for line in capture.get().splitlines() if line.strip()]


def test_80_columns_have_the_verdict_and_the_interval_of_the_difference() -> None:
    found = pl.DataFrame([row(LONG, **OVER), row("base", seeds=1), row("x", "agreement")], infer_schema_length=None)
    assert terminal(found, 80) == [
        "b/rouge_l ↑ in %, 9 items, 1 to 3 seeds",
        "arm                             mean   difference, interval  verdict",
        "filtered_extract_then_generate  5.00  +1.00  -1.00 to +2.00  within the noise",
        "base                            5.00                         baseline",
        "b/agreement ↑ in %, 9 items, 3 seeds",
        "arm  mean      interval  difference, interval  verdict",
        "x    5.00  4.00 to 6.00                        not compared",
    ]
    assert terminal(found, 100)[1:3] == [
        "arm                             mean      interval   difference, interval  verdict",
        "filtered_extract_then_generate  5.00  4.00 to 6.00  +1.00  -1.00 to +2.00  within the noise",
    ]


def test_a_long_name_loses_its_middle() -> None:
    found = pl.DataFrame([row(f"{LONG}_number_{number}", **OVER) for number in range(2)])
    assert [line.split()[0] for line in terminal(found, 80)[2:]] == [
        "filtered_extract…enerate_number_0",
        "filtered_extract…enerate_number_1",
    ]


def test_a_leaderboard_is_one_line_where_nothing_differs() -> None:
    same, better = row("x", **OVER), row("y", **OVER | {"verdict": "better"})
    assert nothing_differs(pl.DataFrame([same, row("base")], infer_schema_length=None), "base") == (
        "leaderboard: 1 arm within the noise of base in 1 metric; slingshot status shows it"
    )
    assert nothing_differs(pl.DataFrame([same, better, row("base")], infer_schema_length=None), "base") is None
    assert nothing_differs(pl.DataFrame([row("base")]), "base") is None


def test_a_leaderboard_without_limits_has_no_caveat() -> None:
    found = pl.DataFrame([row("x"), row("base", seeds=1)])
    assert caveats(found, [("b", "rouge_l")]) == []


def test_the_limits_of_a_leaderboard_are_listed() -> None:
    found = pl.DataFrame([row("y", seeds=1), row("x", items=7, seeds=1), row("base", seeds=1), row("x", "m", seeds=1)])
    assert caveats(found, [("b", "rouge_l"), ("b", "m"), ("ifeval", "strict"), ("ifeval", "loose")]) == [
        "Trained once: x, y; the intervals do not cover the variation between trainings.",
        "b/rouge_l: arms have 7 to 9 items; the mean of an arm is over the items that it has.",
        "No score: ifeval/strict, ifeval/loose.",
    ]


def test_what_a_verdict_is_adjusted_for_and_what_it_could_not_have_found_is_said() -> None:
    found = pl.DataFrame([row("x", **OVER), row("y", **OVER), row("base", seeds=1)], infer_schema_length=None)
    assert caveats(found, [("b", "rouge_l")], {"b/rouge_l": 1.234, "b/gone": 2.0}) == [
        "Verdicts and intervals of differences are adjusted over 2 arms, and not over metrics.",
        "b/rouge_l: a study of this size finds a true difference of 1.23 % 4 times in 5, and smaller ones less often.",
    ]


def test_a_leaderboard_without_any_score_says_so() -> None:
    assert caveats(pl.DataFrame([row("x")]).clear(), [("b", "m")]) == ["No score: b/m."]


def test_a_loss_has_three_decimals_and_a_percentage_two() -> None:
    assert [figure(2.8649, "nats"), figure(-0.0091, "nats", "+")] == ["2.865", "-0.009"]
    assert [figure(15.519, "%"), figure(0.346, "%", "+")] == ["15.52", "+0.35"]
