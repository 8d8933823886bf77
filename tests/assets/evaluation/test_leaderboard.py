"""The leaderboard is the result of a study: the mean score of each arm (a variant of the training data) against a
baseline. These tests check that the means are exact, that both sides are compared on the same items, and that an
uncertain difference is reported as noise."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.evaluation.benchmark import Metric
from assets.evaluation.bootstrap import Bootstrap
from assets.evaluation.leaderboard import rank as rank_against
from tests.support.recipes import complaints
from warehouse.core.identity import digest, record_id
from warehouse.results.result import Result
from warehouse.schema.records import Standing

NAMES = ("meteor_exact_stem", "rouge_l", "m")
METRICS = {("longform", name): Metric(name, "") for name in NAMES} | {
    ("surprise", "m"): Metric("m", "", better="lower", unit="nats", scale=1.0)
}
SETTINGS = Bootstrap(resamples=200, confidence=0.95, seed=1)


def rank(scores: dict[str, pl.DataFrame], baseline: str = "base") -> Result:
    return rank_against(scores.values(), METRICS, baseline, SETTINGS)


def scores(
    arm: str, metric: str, *values: float, seed: int | None = 1, first: int = 0, benchmark: str = "longform"
) -> pl.DataFrame:
    rows = [
        {
            "id": digest([arm, metric, seed, number]),
            "benchmark": benchmark,
            "arm": arm,
            "seed": seed,
            "item": digest(["item", number]),
            "metric": metric,
            "value": value,
        }
        for number, value in enumerate(values, first)
    ]
    return pl.DataFrame(rows, schema_overrides={"seed": pl.Int64})


def both(arm: str, meteor: tuple[float, ...], rouge: tuple[float, ...]) -> pl.DataFrame:
    return pl.concat([scores(arm, "meteor_exact_stem", *meteor), scores(arm, "rouge_l", *rouge)])


SCORES = {
    "base": both("base", (0.25, 0.5), (0.125, 0.125)),
    "weak": both("weak", (0.0, 0.25), (0.25, 0.75)),
    "strong": both("strong", (0.75, 0.5), (0.125, 0.125)),
}


def test_standings_are_exact_means_in_order_with_the_difference_to_the_baseline() -> None:
    result = rank(SCORES)
    assert result.model is Standing
    assert result.kept.select("metric", "arm", "mean", "items", "seeds", "over_baseline").rows() == [
        ("meteor_exact_stem", "strong", 62.5, 2, 1, 25.0),
        ("meteor_exact_stem", "base", 37.5, 2, 1, None),
        ("meteor_exact_stem", "weak", 12.5, 2, 1, -25.0),
        ("rouge_l", "weak", 50.0, 2, 1, 37.5),
        ("rouge_l", "base", 12.5, 2, 1, None),
        ("rouge_l", "strong", 12.5, 2, 1, 0.0),
    ]
    assert result.counts() == {("kept", ""): 6}


def test_any_arm_can_be_the_baseline() -> None:
    found = rank(SCORES, "weak").kept.filter(pl.col("metric") == "meteor_exact_stem")
    assert found.select("arm", "over_baseline").rows() == [("strong", 50.0), ("base", 25.0), ("weak", None)]


def test_clear_differences_are_better_or_worse_and_others_are_noise() -> None:
    base = [number % 7 / 10 for number in range(40)]
    apart = {
        "base": scores("base", "m", *base, seed=None),
        "better": scores("better", "m", *(value + 0.1 for value in base)),
        "worse": scores("worse", "m", *(value - 0.1 if value > 0.1 else value for value in base)),
        "alike": scores("alike", "m", *(value + 0.2 * (-1) ** number for number, value in enumerate(base))),
    }
    found = {row["arm"]: row for row in rank(apart).kept.iter_rows(named=True)}
    verdicts = {arm: row["verdict"] for arm, row in found.items()}
    assert verdicts == {"base": None, "better": "better", "worse": "worse", "alike": "within the noise"}
    assert [found["better"][name] for name in ("over_low", "over_baseline", "over_high")] == pytest.approx([10] * 3)
    assert found["alike"]["over_low"] < 0 < found["alike"]["over_high"]
    # The smallest p-value possible with 200 resamples, adjusted for three arms.
    assert found["better"]["p_value"] == pytest.approx(3 * 2 / 201)


def test_for_a_lower_is_better_metric_the_lowest_mean_comes_first() -> None:
    base = [number % 7 / 10 for number in range(40)]
    apart = {
        arm: scores(arm, "m", *(value + more for value in base), benchmark="surprise")
        for arm, more in (("base", 0.0), ("high", 0.1), ("low", -0.1))
    }
    found = rank(apart).kept
    assert found["arm"].to_list() == ["low", "base", "high"]
    assert found["verdict"].to_list() == ["better", None, "worse"]
    assert found["unit"].to_list() == ["nats"] * 3
    assert found["mean"].to_list() == pytest.approx([sum(base) / 40 + more for more in (-0.1, 0, 0.1)])


def test_only_items_present_on_both_sides_are_compared() -> None:
    apart = {"base": scores("base", "m", 0.1, 0.2, 0.3), "late": scores("late", "m", 0.4, 0.9, first=2)}
    late = rank(apart).kept.row(0, named=True)
    assert (late["arm"], late["mean"], late["items"]) == ("late", pytest.approx(65), 2)
    assert late["over_baseline"] == pytest.approx(10)
    alone = {"base": scores("base", "m", 0.1), "late": scores("late", "m", 0.4, first=1)}
    assert rank(alone).kept.row(0, named=True)["verdict"] is None


def test_scores_are_averaged_over_seeds() -> None:
    twice = pl.concat([scores("arm", "m", 0.2, 0.4, seed=1), scores("arm", "m", 0.4, 0.6, seed=2)])
    found = rank({"base": scores("base", "m", 0.3, 0.3, seed=None), "arm": twice}).kept.row(0, named=True)
    assert (found["mean"], found["seeds"], found["over_baseline"]) == (pytest.approx(40), 2, pytest.approx(10))


def test_a_standing_has_edges_to_the_scores_it_averages() -> None:
    result = rank(SCORES)
    for row in result.kept.iter_rows(named=True):
        edges = result.edges.filter(pl.col("child") == row["id"]).select("parent", "role").rows()
        assert sorted(edges) == sorted((digest([row["arm"], row["metric"], 1, n]), "score") for n in range(2))
    assert len(result.edges) == 12


def test_the_id_of_a_standing_hashes_its_content_and_its_scores() -> None:
    row = rank(SCORES).kept.row(4, named=True)
    parents = [(digest(["base", "rouge_l", 1, number]), "score") for number in range(2)]
    assert row["id"] == record_id("standing", {k: v for k, v in row.items() if k != "id"}, parents)


def test_the_order_of_arms_and_scores_does_not_matter() -> None:
    backwards = {arm: frame.reverse() for arm, frame in reversed(SCORES.items())}
    assert rank(backwards).kept.equals(rank(SCORES).kept)


def test_a_baseline_alone_has_no_difference() -> None:
    result = rank({"base": SCORES["base"]})
    assert result.kept.select("metric", "mean", "over_baseline", "verdict").rows() == [
        ("meteor_exact_stem", 37.5, None, None),
        ("rouge_l", 12.5, None, None),
    ]


def test_the_baseline_must_be_an_arm_or_base() -> None:
    (line,) = complaints(("evaluation.baseline", "self_instrct"))
    assert line.startswith(
        "evaluation.baseline: found 'self_instrct'; it must name an arm or 'base' of the recipe; "
        "did you mean 'self_instruct'?"
    )


@settings(deadline=None, max_examples=50)
@given(values=st.lists(st.floats(0, 1), min_size=1, max_size=50))
def test_any_mean_is_between_0_and_100_and_within_its_interval(values: list[float]) -> None:
    found = rank({"base": scores("base", "rouge_l", *values)}).kept.row(0, named=True)
    assert -1e-9 <= found["low"] <= found["high"] <= 100 + 1e-9
    assert found["mean"] == pytest.approx(100 * sum(values) / len(values))
