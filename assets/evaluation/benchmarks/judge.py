"""Pairwise judge: an open model says which answer is better, the arm's or the baseline's, in both orders.

The method is LLM-as-a-judge (arXiv 2306.05685, sections 3.1 and 3.4). Each pair is judged twice, the second time with
the answers swapped. A side wins an item only if the judge prefers it both times; anything else is a tie. The prompt is
ours, in the published form: two answers, a short comparison, then [[A]], [[B]], or [[C]] for a tie. A second score is
how often both orders agree, because a judge that looks at positions and not at the text produces only ties.

Worked example: [[A]] when the arm's answer is A and [[B]] when it is B is a win, 1. [[A]] both times prefers the arm
once and the baseline once, which is a tie, 0.5. A tie in either order is a tie.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import polars as pl

from assets.evaluation import answerers
from assets.evaluation.benchmark import Benchmark, Metric, answered
from assets.prompting.answers import unanswered
from assets.prompting.prompts import with_input
from assets.recipe.parts import Part, SamplingPart
from assets.recipe.types import Recipe
from assets.recipe.values import BASE, Name
from assets.steps import names
from assets.steps.step import Most, Step, made
from resources.models.calls import Prompt, Sampling, Writer
from resources.tools.tools import Tools
from warehouse.core.identity import row_seed
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Score, Verdict

NAME = "judge"
WIN, AGREE = "win_rate", "order_agreement"
OWN, OTHER, TIE = "arm", "baseline", "tie"
PLACES = {"first": (OWN, OTHER), "second": (OTHER, OWN)}
"""Maps the position of the arm's answer to the sides whose answers are A and B."""

_VERDICT = re.compile(r"\[\[\s*([ABC])\s*\]\]")


class Judge(Part):
    """The judge model, the benchmark whose predictions it compares, and its sampling settings."""

    model: str
    of: Name = "longform"
    verdict: SamplingPart = SamplingPart(max_new_tokens=256)


def question(instruction: str, first: str, second: str) -> str:
    """The judge's prompt about two answers; `first` is A and `second` is B."""
    return (
        "Two assistants answered the same request. Decide which answer serves the user better: it should do what was "
        "asked, be correct, and be as detailed as the request needs. Do not let the order of the answers, their length "
        "or their names count.\n\n"
        f"Request:\n{instruction}\n\n"
        f"Answer of assistant A:\n{first}\n\nAnswer of assistant B:\n{second}\n\n"
        "Compare both in a sentence or two. Then end with one of these: [[A]] if A is better, [[B]] if B is better, "
        "[[C]] for a tie."
    )


def chosen(text: str, place: str) -> str | None:
    """The side that a judgement prefers when the arm's answer is at `place`; None for no verdict or several."""
    found = set(_VERDICT.findall(text))
    if len(found) != 1:
        return None
    return dict(zip("ABC", (*PLACES[place], TIE), strict=True))[found.pop()]


def judge(
    arm: str, own: pl.DataFrame, other: pl.DataFrame, items: pl.DataFrame, writer: Writer, settings: Judge, seed: int
) -> Result:
    """Make two verdicts per prediction of the arm (columns id, seed, item, text), against the baseline's prediction.

    The nth training seed of the arm is compared with the nth seed of the baseline, starting over if there are fewer.
    """
    asked = dict(zip(items["id"], items.iter_rows(named=True), strict=True))
    against: dict[str, list[dict[str, Any]]] = {}
    for row in other.sort("seed").iter_rows(named=True):
        against.setdefault(row["item"], []).append(row)
    number_of = {one: number for number, one in enumerate(own["seed"].unique().sort().to_list())}
    gate, pairs = Gate(Verdict, len(PLACES) * len(own)), []
    for row in own.iter_rows(named=True):
        for place in PLACES:
            verdict = {"benchmark": NAME, "arm": arm, "seed": row["seed"], "item": row["item"], "place": place}
            if row["item"] in against:
                rivals = against[row["item"]]
                pairs.append((verdict, row, rivals[number_of[row["seed"]] % len(rivals)], asked[row["item"]]))
            else:
                gate.reject(verdict, "the baseline has no prediction", [(row["id"], "prediction")])
    prompts = []
    for verdict, row, rival, item in pairs:
        texts = {OWN: row["text"], OTHER: rival["text"]}
        first, second = (texts[side] for side in PLACES[verdict["place"]])
        text = question(with_input(item["instruction"], item["input"]), first, second)
        prompts.append(Prompt.ask(text, row_seed(seed, NAME, text)))
    completions = writer.complete(prompts, Sampling(**settings.verdict.model_dump()))
    for (verdict, row, rival, item), completion in zip(pairs, completions, strict=True):
        parents = [
            (row["id"], "prediction"),
            (rival["id"], "baseline"),
            (item["id"], "item"),
            (completion.call, "call"),
        ]
        preferred = chosen(completion.text, verdict["place"])
        if unanswered(gate, verdict, completion, parents):
            continue
        if preferred is None:
            gate.reject(verdict, "no verdict", parents)
        else:
            gate.keep(verdict | {"preferred": preferred}, parents)
    return gate.result()


def outcome(first: str, second: str) -> float:
    """1 if the arm wins, 0 if the baseline wins, 0.5 for a tie. The order of the two verdicts does not matter."""
    return {(OWN, OWN): 1.0, (OTHER, OTHER): 0.0}.get((first, second), 0.5)


def score(verdicts: pl.DataFrame) -> Result:
    """Make two scores per prediction judged in both orders; reject those of predictions judged in one order only."""
    gate = Gate(Score, 2 * verdicts.select("seed", "item").n_unique())
    for (seed, item), found in verdicts.sort("place").group_by("seed", "item", maintain_order=True):
        row = {"benchmark": NAME, "arm": found["arm"][0], "seed": seed, "item": item}
        parents = [(one, "verdict") for one in found["id"]]
        if len(found) < len(PLACES):
            for name in (WIN, AGREE):
                gate.reject(row | {"metric": name, "value": None}, "judged in one order only", parents)
            continue
        first, second = found["preferred"]
        gate.keep(row | {"metric": WIN, "value": outcome(first, second)}, parents)
        gate.keep(row | {"metric": AGREE, "value": float(first == second)}, parents)
    return gate.result()


def against_itself(arm: str, predictions: pl.DataFrame) -> Result:
    """The win rate of the baseline, 0.5 by definition; calls no model."""
    gate = Gate(Score, len(predictions))
    for row in predictions.iter_rows(named=True):
        content = {"benchmark": NAME, "arm": arm, "seed": row["seed"], "item": row["item"], "metric": WIN, "value": 0.5}
        gate.keep(content, [(row["id"], "prediction")])
    return gate.result()


def steps(settings: Judge, recipe: Recipe, arm: str) -> list[Step]:
    """The steps of an arm: verdicts and scores. The baseline has scores only."""
    baseline, seed = recipe.evaluation.baseline, recipe.seed
    columns = {"benchmark": (), "arm": (), "metric": ()}

    def build_verdicts(tools: Tools, own: pl.DataFrame, other: pl.DataFrame, benchmark_items: pl.DataFrame) -> Result:
        return judge(arm, own, other, benchmark_items, tools.model(settings.model), settings, seed)

    def build_scores(tools: Tools, verdicts: pl.DataFrame) -> Result:
        return score(verdicts)

    def build_baseline(tools: Tools, predictions: pl.DataFrame) -> Result:
        return against_itself(arm, predictions)

    is_baseline = arm == baseline
    source = "predictions" if is_baseline else "verdicts"
    copied = {column: [(source, column)] for column in ("seed", "item")}
    scores = Step(
        asset=names.scores(NAME, arm),
        group="evaluation",
        description=f"Scores of {answerers.described(arm)} against {answerers.described(baseline)}, per item.",
        model=Score,
        build=build_baseline if is_baseline else build_scores,
        slice={},
        inputs={source: names.predictions(settings.of, arm) if is_baseline else names.verdicts(NAME, arm)},
        kinds=frozenset({"python", "duckdb"}),
        columns=made(source, **columns, **copied, value=() if is_baseline else [("verdicts", "preferred")]),
    )
    if is_baseline:
        return [scores]
    inputs = {
        "own": names.predictions(settings.of, arm),
        "other": names.predictions(settings.of, baseline),
        "benchmark_items": names.BENCHMARK_ITEMS,
    }
    read = [("own", "text"), ("other", "text"), ("benchmark_items", "instruction"), ("benchmark_items", "input")]
    count = len(PLACES) * (1 if arm == BASE else recipe.training.seeds) * answerers.item_count(recipe, settings.of)
    verdicts = Step(
        asset=names.verdicts(NAME, arm),
        group="evaluation",
        description=(
            f"Which answer the judge prefers, that of {answerers.described(arm)} or that of "
            f"{answerers.described(baseline)}, in both orders."
        ),
        model=Verdict,
        build=build_verdicts,
        slice=recipe.slice("seed", f"evaluation.{NAME}", f"models.{settings.model}"),
        inputs=inputs,
        kinds=frozenset({"transformers", "duckdb"}),
        most=Most(rows=count, calls=count),
        columns=made(
            *inputs,
            **{name: () for name in ("benchmark", "arm", "place")},
            seed=[("own", "seed")],
            item=[("own", "item")],
            preferred=read,
        ),
    )
    return [verdicts, scores]


def faults(settings: Judge, recipe: Recipe) -> Iterator[tuple[str, object, str]]:
    """Check that the benchmark in `of` has predictions."""
    usable = answered(recipe)
    if settings.of not in usable:
        yield "of", settings.of, f"it must name a benchmark of evaluation with predictions; known: {', '.join(usable)}"


BENCHMARK = Benchmark(
    name=NAME,
    description="An open model compares each answer with the baseline's, in both orders.",
    settings=Judge,
    metrics=lambda settings: (
        Metric(WIN, "items at which the judge prefers the arm in both orders, ties counting one half"),
        Metric(AGREE, "items at which both orders give the same verdict"),
    ),
    steps=steps,
    fields=None,
    faults=faults,
    models=lambda settings: [("model", settings.model)],
)
