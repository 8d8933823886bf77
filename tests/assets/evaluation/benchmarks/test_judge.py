"""A judge model may prefer an answer only because it is shown first, so it is asked in both orders. These tests check
that the combined score treats both orders and both sides equally, and that every judge output becomes a verdict or a
rejection."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from assets.evaluation.benchmarks.judge import PLACES, Judge, against_itself, chosen, judge, outcome, question, score
from assets.evaluation.leaderboard import BESIDE
from assets.planning.graph import steps
from assets.reporting.page import page
from assets.reporting.study import study
from resources.models.calls import Prompt
from slingshot import app
from tests.support.building import build, edit, planned, query, store
from tests.support.recipes import complaints, parsed, put, starter
from tests.support.scripted import ScriptedWriter
from warehouse.core.identity import digest
from warehouse.core.texts import listed
from warehouse.results.result import WARNINGS, Result
from warehouse.store.file_warehouse import FileWarehouse

SETTINGS = Judge(model="generator")
ITEMS = pl.DataFrame(
    {"id": [digest(n) for n in range(2)], "instruction": ["Name a herb.", "Name a fish."], "input": ["", ""]}
)


def predictions(arm: str, *texts: str, seed: int | None = 1) -> pl.DataFrame:
    rows = [
        {"id": digest([arm, seed, n]), "seed": seed, "item": digest(n), "text": text} for n, text in enumerate(texts)
    ]
    schema = dict.fromkeys(["id", "item", "text"], pl.String) | {"seed": pl.Int64}
    return pl.DataFrame(rows, schema=schema)


def judged(script: Any, own: pl.DataFrame, other: pl.DataFrame) -> tuple[Result, ScriptedWriter]:
    writer = ScriptedWriter(lambda prompt: (script(prompt.messages[-1][1]), True, None))
    return judge("x", own, other, ITEMS, writer, SETTINGS, 1), writer


def prefers(word: str) -> Any:
    """A judge that prefers the answer that contains `word`, in either position."""

    def script(told: str) -> str:
        first, second = told.split("Answer of assistant B:")
        has = word in first.split("Answer of assistant A:")[1], word in second
        return {(True, False): "A is better. [[A]]", (False, True): "B is better. [[B]]"}.get(has, "Alike. [[C]]")

    return script


@pytest.mark.parametrize(
    ("text", "place", "expected"),
    [
        ("Both are fine, but [[A]]", "first", "arm"),
        ("Both are fine, but [[A]]", "second", "baseline"),
        ("[[B]]", "first", "baseline"),
        ("[[ B ]]", "second", "arm"),
        ("[[C]]", "second", "tie"),
        ("[[A]]. Again: [[A]]", "first", "arm"),
        ("[[A]] or [[B]]", "first", None),
        ("A is better", "first", None),
        ("", "first", None),
    ],
)
def test_a_verdict_is_read_according_to_the_position_of_the_answer(text: str, place: str, expected: str | None) -> None:
    assert chosen(text, place) == expected


@given(text=st.text(alphabet="[]ABC x\n", max_size=30), place=st.sampled_from(sorted(PLACES)))
def test_any_judge_output_is_read_as_a_verdict_or_none(text: str, place: str) -> None:
    assert chosen(text, place) in {"arm", "baseline", "tie", None}


CHOICES = ("arm", "baseline", "tie")


@pytest.mark.parametrize("first", CHOICES)
@pytest.mark.parametrize("second", CHOICES)
def test_the_aggregation_is_symmetric_in_order_and_side(first: str, second: str) -> None:
    turned = {"arm": "baseline", "baseline": "arm", "tie": "tie"}
    assert outcome(first, second) == outcome(second, first)
    assert outcome(turned[first], turned[second]) == 1 - outcome(first, second)


def test_a_win_needs_the_same_verdict_in_both_orders() -> None:
    found = {(one, other): outcome(one, other) for one in CHOICES for other in CHOICES}
    assert {pair for pair, value in found.items() if value == 1} == {("arm", "arm")}
    assert {pair for pair, value in found.items() if value == 0} == {("baseline", "baseline")}
    assert set(found.values()) == {0.0, 0.5, 1.0}


def test_a_judge_of_the_text_gives_wins_and_a_judge_of_the_position_gives_ties() -> None:
    own, other = predictions("x", "basil", "stone"), predictions("base", "rock", "basil", seed=None)
    result, writer = judged(prefers("basil"), own, other)
    assert result.counts() == {("kept", ""): 4}
    values = score(result.kept).kept.select("item", "metric", "value").rows()
    assert sorted(values) == sorted(
        [
            (digest(0), "win_rate", 1.0),
            (digest(0), "order_agreement", 1.0),
            (digest(1), "win_rate", 0.0),
            (digest(1), "order_agreement", 1.0),
        ]
    )
    asked = [prompt.messages[-1][1] for prompt in writer.asked[0][0]]
    assert asked[:2] == [question("Name a herb.", "basil", "rock"), question("Name a herb.", "rock", "basil")]
    result, _ = judged(lambda told: "[[A]]", own, other)
    assert score(result.kept).kept.select("metric", "value").unique().sort("metric").rows() == [
        ("order_agreement", 0.0),
        ("win_rate", 0.5),
    ]


def test_exchanging_the_sides_gives_the_complement() -> None:
    one, other = predictions("x", "basil", "basil"), predictions("base", "rock", "basil", seed=None)

    def wins(result: Result) -> list[float]:
        found = score(result.kept).kept.filter(pl.col("metric") == "win_rate").sort("item")
        return found["value"].to_list()

    forth, back = wins(judged(prefers("basil"), one, other)[0]), wins(judged(prefers("basil"), other, one)[0])
    assert [1 - value for value in forth] == back


def test_a_verdict_has_edges_to_both_predictions_the_item_and_the_call() -> None:
    own, other = predictions("x", "basil"), predictions("base", "rock", seed=None)
    result, _ = judged(prefers("basil"), own, other)
    roles = result.edges.filter(pl.col("child") == result.kept["id"][0]).select("parent", "role").rows()
    assert [role for _, role in roles] == ["prediction", "baseline", "item", "call"]
    assert [parent for parent, _ in roles][:3] == [own["id"][0], other["id"][0], digest(0)]
    both = score(result.kept)
    assert set(both.edges["role"]) == {"verdict"}
    assert len(both.edges) == 4


def test_seeds_are_paired_with_the_baseline_seeds_in_order() -> None:
    own = pl.concat([predictions("x", "basil", seed=7), predictions("x", "rock", seed=8)])
    other = pl.concat([predictions("y", "stone", seed=8), predictions("y", "thyme", seed=9)])
    _, writer = judged(prefers("basil"), own, other)
    asked = [prompt.messages[-1][1] for prompt in writer.asked[0][0]]
    assert asked[0] == question("Name a herb.", "basil", "stone")
    assert asked[2] == question("Name a herb.", "rock", "thyme")


def test_an_unreadable_verdict_is_rejected_and_its_item_is_not_scored() -> None:
    def script(told: str) -> str:
        return "[[A]]" if told.index("basil") < told.index("rock") else "who knows"

    result, _ = judged(script, predictions("x", "basil"), predictions("base", "rock", seed=None))
    assert result.counts() == {("kept", ""): 1, ("rejected", "no verdict"): 1}
    assert score(result.kept).counts() == {("rejected", "judged in one order only"): 2}


def test_an_item_that_the_baseline_did_not_answer_is_not_judged() -> None:
    result, writer = judged(
        prefers("basil"), predictions("x", "basil", "stone"), predictions("base", "rock", seed=None)
    )
    assert result.counts() == {("kept", ""): 2, ("rejected", "the baseline has no prediction"): 2}
    assert len(writer.asked[0][0]) == 2


def test_a_failed_judge_call_is_marked_failed_so_that_a_build_can_retry_it() -> None:
    writer = ScriptedWriter(lambda prompt: ("", False, "OutOfMemoryError: no room"))
    own, other = predictions("x", "basil"), predictions("base", "rock", seed=None)
    result = judge("x", own, other, ITEMS, writer, SETTINGS, 1)
    assert {outcome for outcome, _ in result.counts()} == {"failed"}


def test_the_baseline_ties_with_itself_without_a_judge_call() -> None:
    result = against_itself("base", predictions("base", "rock", "basil", seed=None))
    assert result.kept.select("metric", "value").rows() == [("win_rate", 0.5)] * 2


def test_each_judge_call_has_a_different_seed() -> None:
    seeds: set[int] = set()

    def keep(prompt: Prompt) -> tuple[str, bool, str | None]:
        seeds.add(prompt.seed)
        return "[[C]]", True, None

    judge("x", predictions("x", "a", "b"), predictions("base", "c", "d"), ITEMS, ScriptedWriter(keep), SETTINGS, 1)
    assert len(seeds) == 4


def test_the_judge_model_and_the_judged_benchmark_must_exist() -> None:
    recipe = put(starter(), "evaluation.judge", {"model": "generator"})
    assets = {step.asset: dict(step.inputs) for step in steps(parsed(recipe))}
    assert assets["scores/judge/base"] == {"predictions": "predictions/longform/base"}
    assert assets["verdicts/judge/self_training"] == {
        "own": "predictions/longform/self_training",
        "other": "predictions/longform/base",
        "benchmark_items": "benchmark_items",
    }
    order = [step.asset for step in steps(parsed(recipe))]
    assert order.index("predictions/longform/base") < order.index("verdicts/judge/self_training")
    wrong = {"model": "generater", "of": "perplexity"}
    assert complaints(("evaluation.judge", wrong)) == [
        "evaluation.judge.model: found 'generater'; it must name a model of the recipe; did you mean 'generator'? "
        "(known: embedder, generator)",
        "evaluation.judge.of: found 'perplexity'; it must name a benchmark of evaluation with predictions; "
        "known: longform",
    ]


def test_adding_a_judge_and_held_out_perplexity_to_a_built_recipe_trains_nothing(own: tuple[Path, Path]) -> None:
    recipe, data = own

    def more(values: dict[str, Any]) -> None:
        values["evaluation"] |= {"judge": {"model": "generator", "verdict": {"max_new_tokens": 4}}, "perplexity": {}}

    edit(recipe, more)
    bounds = {asset: one.calls for asset, one in planned(recipe, data).items() if one.calls}
    log, failures = build(recipe, data)
    assert failures == []
    arms = yaml.safe_load(recipe.read_text())["arms"]
    computed = {asset: calls for asset, calls in log.computed.items() if calls}
    verdicts = {f"verdicts/judge/{arm}" for arm in arms}
    assert set(computed) <= verdicts | {f"scores/perplexity/{arm}" for arm in ("base", *arms)}
    assert all(bounds[asset] >= calls for asset, calls in computed.items())
    decided = query(data, "SELECT DISTINCT asset FROM lineage.decisions WHERE asset LIKE 'verdicts/%'")
    assert set(decided["asset"]) == verdicts
    board = query(data, "SELECT DISTINCT benchmark, metric, unit, better FROM leaderboard ORDER BY ALL").rows()
    assert ("perplexity", "log_perplexity", "nats", "lower") in board
    assert ("judge", "win_rate", "%", "higher") in board
    published = store(data).current("leaderboard")
    assert published is not None
    notes = store(data).facts(published)["notes"]
    assert notes[BESIDE]["judge"] == {arm: {"no_verdict": 100.0} for arm in sorted(arms)}
    silent = listed([f"100 % ({arm})" for arm in sorted(arms)])
    assert notes[WARNINGS] == [
        f"judge: no verdict on {silent} of the answers; a win rate is over the others only.",
        "evaluation.judge.model: generator is also the generator and the base of the students; a model prefers texts "
        "of its own kind, so let another one judge.",
    ]
    status = ["status", "--recipe", str(recipe), "--warehouse", str(data)]
    shown = CliRunner().invoke(app, status, env={"COLUMNS": "300"}).output
    *_, first, second, blank, after = shown.splitlines()
    assert ([first, second], blank, after.split()[0]) == (notes[WARNINGS], "", "next:")
    shown = page(study(FileWarehouse(data / "slingshot.duckdb")))
    assert all(html.escape(warning) in shown for warning in notes[WARNINGS])
    own_loss = query(data, "SELECT mean, low, high FROM leaderboard WHERE benchmark = 'perplexity'")
    assert all(low <= mean <= high and mean > 0 for mean, low, high in own_loss.rows())
