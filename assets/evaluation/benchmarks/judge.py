"""Pairwise judge: an open model says which of two answers is better, the arm's or the baseline's, in both orders.

After LLM-as-a-judge (arXiv 2306.05685, sections 3.1 and 3.4): each pair is judged twice, with the places changed, and
an arm wins an item only where it is preferred both times, as the baseline does; anything else is a tie. The prompt is
ours, in the published form: two answers, a short comparison, and [[A]], [[B]] or [[C]] for a tie. How often both
orders say the same is a score of its own, since a judge that follows the place and not the text makes all of it ties.

Worked example: [[A]] where the arm's answer is A and [[B]] where it is B is a win, 1; [[A]] both times names the arm
once and the baseline once, and is a tie, 0.5; a tie in one of the orders is a tie.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import polars as pl

from assets.evaluation import answerers as of
from assets.evaluation.benchmark import Benchmark, Metric, benchmarks
from assets.prompting.answers import unanswered
from assets.prompting.prompts import with_input
from assets.recipe.parts import Part, SamplingPart
from assets.recipe.types import Recipe
from assets.recipe.values import BASE, Name
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
"""Where the arm's answer stands, to whose answers A and B are."""

_VERDICT = re.compile(r"\[\[\s*([ABC])\s*\]\]")


class Judge(Part):
    """The model that judges, the benchmark whose predictions it compares, and how it writes."""

    model: str
    of: Name = "longform"
    verdict: SamplingPart = SamplingPart(max_new_tokens=256)


def question(instruction: str, first: str, second: str) -> str:
    """What the judge is asked about two answers, the first of which is A."""
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
    """Whose answer a judgement prefers, where the arm's stands at `place`; None where it names none, or several."""
    named = set(_VERDICT.findall(text))
    if len(named) != 1:
        return None
    return dict(zip("ABC", (*PLACES[place], TIE), strict=True))[named.pop()]


def judge(
    arm: str, own: pl.DataFrame, other: pl.DataFrame, items: pl.DataFrame, writer: Writer, settings: Judge, seed: int
) -> Result:
    """Two verdicts per prediction of the arm (columns id, seed, item, text) about it and that of the baseline.

    Where the baseline has several training seeds, they are taken in their order, as those of the arm are.
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
        text = {OWN: row["text"], OTHER: rival["text"]}
        first, second = (text[whose] for whose in PLACES[verdict["place"]])
        told = question(with_input(item["instruction"], item["input"]), first, second)
        prompts.append(Prompt.ask(told, row_seed(seed, NAME, told)))
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
    """1 for a win of the arm, 0 for one of the baseline, 0.5 for a tie; the verdicts' order does not matter."""
    return {(OWN, OWN): 1.0, (OTHER, OTHER): 0.0}.get((first, second), 0.5)


def score(verdicts: pl.DataFrame) -> Result:
    """Two scores per prediction that was judged in both orders; one that was not is rejected."""
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
    """The baseline's win rate, which is one half by definition: no model is asked."""
    gate = Gate(Score, len(predictions))
    for row in predictions.iter_rows(named=True):
        content = {"benchmark": NAME, "arm": arm, "seed": row["seed"], "item": row["item"], "metric": WIN, "value": 0.5}
        gate.keep(content, [(row["id"], "prediction")])
    return gate.result()


def steps(settings: Judge, recipe: Recipe, arm: str) -> list[Step]:
    """Verdicts and scores of an arm."""
    baseline, seed = recipe.evaluation.baseline, recipe.seed
    columns = {"benchmark": (), "arm": (), "metric": ()}

    def build_verdicts(tools: Tools, own: pl.DataFrame, other: pl.DataFrame, benchmark_items: pl.DataFrame) -> Result:
        return judge(arm, own, other, benchmark_items, tools.model(settings.model), settings, seed)

    def build_scores(tools: Tools, verdicts: pl.DataFrame) -> Result:
        return score(verdicts)

    def build_baseline(tools: Tools, predictions: pl.DataFrame) -> Result:
        return against_itself(arm, predictions)

    by_itself = arm == baseline
    source = "predictions" if by_itself else "verdicts"
    passed = {column: [(source, column)] for column in ("seed", "item")}
    scores = Step(
        asset=f"scores/{NAME}/{arm}",
        group="evaluation",
        description=f"How often {of.named(arm)} is preferred to {of.named(baseline)}, per item.",
        model=Score,
        build=build_baseline if by_itself else build_scores,
        slice={},
        inputs={source: f"predictions/{settings.of}/{arm}" if by_itself else f"verdicts/{NAME}/{arm}"},
        kinds=frozenset({"python", "duckdb"}),
        columns=made(source, **columns, **passed, value=() if by_itself else [("verdicts", "preferred")]),
    )
    if by_itself:
        return [scores]
    inputs = {
        "own": f"predictions/{settings.of}/{arm}",
        "other": f"predictions/{settings.of}/{baseline}",
        "benchmark_items": "benchmark_items",
    }
    read = [("own", "text"), ("other", "text"), ("benchmark_items", "instruction"), ("benchmark_items", "input")]
    count = len(PLACES) * (1 if arm == BASE else recipe.training.seeds) * of.items_of(recipe, settings.of)
    verdicts = Step(
        asset=f"verdicts/{NAME}/{arm}",
        group="evaluation",
        description=f"Which answer the judge prefers, of {of.named(arm)} or of {of.named(baseline)}, in both orders.",
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
    """The benchmark that is named must have predictions."""
    known = [name for name in recipe.benchmarks if name != NAME]
    written = [
        name
        for name in known
        for step in benchmarks()[name].steps(recipe.evaluation.settings(name), recipe, BASE)
        if step.asset.startswith(f"predictions/{name}/")
    ]
    if settings.of not in written:
        yield "of", settings.of, f"it must name a benchmark of evaluation with predictions; known: {', '.join(written)}"


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
