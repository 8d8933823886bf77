"""A small judge wrote a verdict in 0 of 48 answers, so that no item had a score. Its verdict by likelihood must be the
answer that it finds most likely, in both orders, and what it cannot read must not count as a verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assets.evaluation.benchmarks.judge import (
    REASONS,
    VERDICT_ALONE,
    VERDICTS,
    Judge,
    judge,
    likeliest,
    question,
    score,
)
from assets.evaluation.leaderboard import BESIDE
from assets.planning.graph import steps
from resources.models.calls import Prompt, TokenLoss
from tests.assets.evaluation.benchmarks.test_judge import ITEMS, predictions
from tests.support.building import build, edit, query, store
from tests.support.recipes import complaints, parsed, put, starter
from tests.support.scripted import Refusal, ScriptedWriter
from warehouse.core.identity import digest
from warehouse.results.result import Result

SETTINGS = Judge(model="generator", verdicts="likelihood")
OWN, OTHER = predictions("x", "basil"), predictions("base", "rock", seed=None)
Likely = Sequence[float] | str


class Measured(ScriptedWriter):
    """Gives [[A]], [[B]] and [[C]] the likelihoods listed for the order of the answers; a text is an error instead."""

    def __init__(self, basil_first: Likely, basil_second: Likely) -> None:
        super().__init__(lambda prompt: ("", True, None))
        self.likely = {"basil": basil_first, "rock": basil_second}

    def losses(self, texts: Sequence[tuple[Prompt, str]], ends: bool = False) -> list[TokenLoss]:
        found = []
        for prompt, target in texts:
            text = prompt.messages[-1][1]
            assert text.endswith(VERDICT_ALONE)
            listed = self.likely[text.split("Answer of assistant A:\n")[1].split("\n")[0]]
            call = digest([prompt.messages, target])
            if isinstance(listed, str):
                fault = {"refusal": listed} if isinstance(listed, Refusal) else {"error": listed}
                found.append(TokenLoss(0.0, 0, call, **fault))
            else:
                # Two tokens: the likelihood of a text is the product of those of its tokens.
                found.append(TokenLoss(-math.log(listed[VERDICTS.index(target)]) / 2, 2, call))
        return found


def judged(first: Likely, second: Likely) -> Result:
    return judge("x", OWN, OTHER, ITEMS, Measured(first, second), SETTINGS, 1)


@pytest.mark.parametrize(
    ("first", "second", "preferred", "win"),
    [
        ((0.5, 0.3, 0.2), (0.3, 0.5, 0.2), ["arm", "arm"], 1.0),
        ((0.3, 0.5, 0.2), (0.5, 0.3, 0.2), ["baseline", "baseline"], 0.0),
        # It prefers whatever is shown first.
        ((0.5, 0.3, 0.2), (0.5, 0.3, 0.2), ["arm", "baseline"], 0.5),
        ((0.5, 0.3, 0.2), (0.1, 0.2, 0.3), ["arm", "tie"], 0.5),
        # It would rather answer something else; only the three verdicts count.
        ((0.0002, 0.0001, 0.0), (0.0001, 0.0002, 0.0), ["arm", "arm"], 1.0),
    ],
)
def test_the_verdict_is_the_most_likely_one_in_each_order(
    first: Likely, second: Likely, preferred: list[str], win: float
) -> None:
    likely = [[max(one, 1e-9) for one in each] for each in (first, second) if not isinstance(each, str)]
    result = judged(*likely)
    assert result.kept.sort("place")["preferred"].to_list() == preferred
    values = dict(score(result.kept).kept.select("metric", "value").iter_rows())
    assert values["win_rate"] == win


def test_two_verdicts_that_are_equally_likely_are_a_tie() -> None:
    losses = {0.1: [0.3, 0.3, 0.9], 0.2: [0.9, 0.3, 0.3], 0.3: [0.3, 0.3, 0.3], 0.4: [0.3, 0.4, 0.9]}
    found = [likeliest([TokenLoss(loss, 2, "") for loss in three]) for three in losses.values()]
    assert found == ["[[C]]", "[[C]]", "[[C]]", "[[A]]"]


def test_a_verdict_has_edges_to_all_three_measured_answers() -> None:
    result = judged((0.5, 0.3, 0.2), (0.3, 0.5, 0.2))
    edges = result.edges.filter(pl.col("child") == result.kept["id"][0])
    assert edges["role"].to_list() == ["prediction", "baseline", "item", "call", "call", "call"]
    assert edges["parent"].n_unique() == 6


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [("OutOfMemoryError: no room", "failed"), (Refusal("the text has 9 tokens, at most 5 fit"), "rejected")],
)
def test_answers_that_cannot_be_measured_are_no_verdict(fault: str, outcome: str) -> None:
    result = judged(fault, (0.3, 0.5, 0.2))
    assert result.counts() == {("kept", ""): 1, (outcome, str(fault)): 1}


def test_the_written_verdict_is_asked_for_as_before() -> None:
    assert question("x", "a", "b") == question("x", "a", "b", REASONS)
    assert question("x", "a", "b").endswith(
        "Compare both in a sentence or two. Then end with one of these: [[A]] if A is better, [[B]] if B is better, "
        "[[C]] for a tie."
    )


def verdicts_step(**judge: Any) -> Any:
    values = put(starter(), "evaluation.judge", {"model": "generator"} | judge)
    return next(step for step in steps(parsed(values)) if step.asset == "verdicts/judge/self_training")


def test_the_default_leaves_no_trace_in_the_version_and_a_likelihood_none_of_the_sampling() -> None:
    written, measured = verdicts_step(), verdicts_step(verdicts="likelihood")
    sampling = {"max_new_tokens": 256, "temperature": 0.0, "top_p": 1.0}
    assert written.slice["evaluation.judge"] == {"model": "generator", "of": "longform", "verdict": sampling}
    assert verdicts_step(verdicts="written").slice == written.slice
    assert measured.slice["evaluation.judge"] == {"model": "generator", "of": "longform", "verdicts": "likelihood"}
    # 24 items in two orders, and three measured answers for each.
    assert (written.most.calls, measured.most.calls, measured.most.rows) == (48, 144, 48)


def test_settings_that_contradict_the_likelihood_are_refused() -> None:
    sampling = {"max_new_tokens": 4, "temperature": 0.0, "top_p": 1.0}
    judge = {"model": "generator", "verdicts": "likelihood"}
    assert complaints(("evaluation.judge", judge | {"verdict": {"max_new_tokens": 4}})) == [
        f"evaluation.judge.verdict: found {sampling}; verdicts: likelihood does not use it"
    ]
    served = {
        "address": "http://127.0.0.1:8000/v1#judge",
        "sha256": digest(1) + digest(2),
        "licence": "Apache-2.0",
        "origin": "human",
    }
    assert complaints(("models.served", served), ("evaluation.judge", judge | {"model": "served"})) == [
        "evaluation.judge.verdicts: found 'likelihood'; the model served is at an endpoint, which only writes texts"
    ]


def test_a_build_has_the_verdict_of_the_most_likely_answer_for_every_item(own: tuple[Path, Path]) -> None:
    recipe, data = own
    edit(
        recipe,
        lambda values: values["evaluation"].update(judge={"model": "generator", "verdicts": "likelihood"}),
    )
    log, failures = build(recipe, data)
    assert failures == []
    # At most two items in two orders; where an answer equals the baseline's, both orders are one prompt.
    computed = {asset: calls for asset, calls in log.computed.items() if asset.startswith("verdicts/")}
    assert len(computed) == 4
    assert all(calls <= 2 * 2 * 3 and calls % 3 == 0 for calls in computed.values())
    assert sum(computed.values())
    calls = query(
        data,
        "SELECT v.id, v.place, v.preferred, c.request ->> 'target' AS target, "
        "(c.response ->> 'loss')::DOUBLE * c.tokens AS loss "
        "FROM records.verdict v JOIN lineage.edges e ON e.child = v.id AND e.role = 'call' "
        "JOIN memo.calls c ON c.key = e.parent",
    )
    assert len(calls) == 4 * 2 * 2 * 3
    sides = {"first": ("arm", "baseline", "tie"), "second": ("baseline", "arm", "tie")}
    for (_,), three in calls.group_by("id"):
        losses = dict(three.select("target", "loss").iter_rows())
        likely = min(VERDICTS, key=lambda verdict: losses[verdict])
        tied = sorted(losses.values())[0] == sorted(losses.values())[1]
        assert three["preferred"][0] == ("tie" if tied else sides[three["place"][0]][VERDICTS.index(likely)])
    board = query(data, "SELECT arm, items FROM leaderboard WHERE metric = 'win_rate' ORDER BY arm")
    assert set(board["items"]) == {2}
    assert len(board) == 5
    published = store(data).current("leaderboard")
    assert published is not None
    beside = store(data).facts(published)["notes"][BESIDE]["judge"]
    assert [values["no_verdict"] for values in beside.values()] == [0.0] * 4
