"""Pairwise judge: an open model says which answer is better, the arm's or the baseline's, in both orders.

The method is LLM-as-a-judge (arXiv 2306.05685, sections 3.1 and 3.4). Each pair is judged twice, the second time with
the answers swapped. A side wins an item only if the judge prefers it both times; anything else is a tie. The prompt is
ours, in the published form: two answers, a short comparison, then [[A]], [[B]], or [[C]] for a tie. A second score is
how often both orders agree, because a judge that looks at positions and not at the text produces only ties.

A judge that is too small seldom ends with a verdict. `verdicts: likelihood` (ours, after the ratings of G-Eval, arXiv
2303.16634, section 2) asks for the verdict alone and writes nothing: the verdict is the one of [[A]], [[B]] and [[C]]
that the judge is most likely to answer. It is a tie where two of them are equally likely.

Worked example: [[A]] when the arm's answer is A and [[B]] when it is B is a win, 1. [[A]] both times prefers the arm
once and the baseline once, which is a tie, 0.5. A tie in either order is a tie. A judge that answers [[A]], [[B]] and
[[C]] with the probabilities 0.1, 0.2 and 0.05 prefers B.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

import polars as pl
from pydantic import Field

from assets.evaluation import answerers
from assets.evaluation.benchmark import Benchmark, Metric, answered
from assets.evaluation.rivals import WIN, rivals
from assets.prompting.answers import failed, unanswered
from assets.prompting.prompts import with_input
from assets.recipe.parts import Part, SamplingPart
from assets.recipe.types import Recipe
from assets.recipe.values import BASE, Name
from assets.steps import names
from assets.steps.step import Most, Step, made
from resources.fetching.addresses import Address
from resources.models.calls import Completion, Prompt, Sampling, TokenLoss, WriterAndReader
from resources.tools.tools import Tools
from warehouse.core.identity import Parent, row_seed
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Score, Verdict

NAME = "judge"
AGREE = "order_agreement"
OWN, OTHER, TIE = "arm", "baseline", "tie"
Given = Completion | TokenLoss
PLACES = {"first": (OWN, OTHER), "second": (OTHER, OWN)}
"""Maps the position of the arm's answer to the sides whose answers are A and B."""

LIKELIHOOD = "likelihood"
VERDICTS = ("[[A]]", "[[B]]", "[[C]]")
MEANINGS = "[[A]] if A is better, [[B]] if B is better, [[C]] for a tie."
REASONS = f"Compare both in a sentence or two. Then end with one of these: {MEANINGS}"
VERDICT_ALONE = f"Answer with one of these alone: {MEANINGS}"
_VERDICT = re.compile(r"\[\[\s*([ABC])\s*\]\]")


class Judge(Part):
    """The judge model, the benchmark whose predictions it compares, and how it gives its verdicts.

    `verdict` is how it decodes when it writes one; `verdicts: likelihood` measures them instead."""

    model: str
    of: Name = "longform"
    # A slice leaves it out at its default, so that the key alone makes nothing stale.
    verdicts: Annotated[Literal["written", "likelihood"], Field(exclude_if=lambda value: value == "written")] = (
        "written"
    )
    verdict: SamplingPart = SamplingPart(max_new_tokens=256)


def question(instruction: str, first: str, second: str, how: str = REASONS) -> str:
    """The judge's prompt about two answers; `first` is A and `second` is B. `how` is REASONS or VERDICT_ALONE."""
    return (
        "Two assistants answered the same request. Decide which answer serves the user better: it should do what was "
        "asked, be correct, and be as detailed as the request needs. Do not let the order of the answers, their length "
        "or their names count.\n\n"
        f"Request:\n{instruction}\n\n"
        f"Answer of assistant A:\n{first}\n\nAnswer of assistant B:\n{second}\n\n"
        f"{how}"
    )


def chosen(text: str, place: str) -> str | None:
    """The side that a judgement prefers when the arm's answer is at `place`; None for no verdict or several."""
    found = set(_VERDICT.findall(text))
    if len(found) != 1:
        return None
    return dict(zip("ABC", (*PLACES[place], TIE), strict=True))[found.pop()]


def likeliest(losses: Sequence[TokenLoss]) -> str:
    """The one of VERDICTS, whose losses these are in order, that has the highest likelihood; a tie if two share it."""
    totals = [loss.mean * loss.tokens for loss in losses]
    return VERDICTS[totals.index(min(totals))] if totals.count(min(totals)) == 1 else VERDICTS[-1]


def _asked(prompts: Sequence[Prompt], model: WriterAndReader, settings: Judge) -> list[tuple[list[Given], str]]:
    """What the judge gave for each prompt, and the text with its verdict."""
    if settings.verdicts == LIKELIHOOD:
        losses = model.losses([(prompt, verdict) for prompt in prompts for verdict in VERDICTS])
        every = [losses[start : start + len(VERDICTS)] for start in range(0, len(losses), len(VERDICTS))]
        return [([*three], likeliest(three)) for three in every]
    completions = model.complete(prompts, Sampling(**settings.verdict.model_dump()))
    return [([completion], completion.text) for completion in completions]


def _silent(gate: Gate, row: dict[str, Any], given: Sequence[Given], parents: Sequence[Parent]) -> bool:
    """Whether the judge failed, refused or only thought. Then `row` has failed or is rejected."""
    first = next((one for one in given if one.error), next((one for one in given if one.refusal), given[0]))
    if isinstance(first, Completion):
        return unanswered(gate, row, first, parents)
    return failed(gate, row, first, parents)


def judge(
    arm: str,
    own: pl.DataFrame,
    other: pl.DataFrame,
    items: pl.DataFrame,
    model: WriterAndReader,
    settings: Judge,
    seed: int,
) -> Result:
    """Make two verdicts per prediction of the arm (columns id, seed, item, text), against the baseline's prediction.

    The nth training seed of the arm is compared with the nth seed of the baseline, starting over if there are fewer.
    """
    asked = dict(zip(items["id"], items.iter_rows(named=True), strict=True))
    gate, pairs = Gate(Verdict, len(PLACES) * len(own)), []
    for row, rival in rivals(own, other):
        for place in PLACES:
            verdict = {"benchmark": NAME, "arm": arm, "seed": row["seed"], "item": row["item"], "place": place}
            if rival:
                pairs.append((verdict, row, rival, asked[row["item"]]))
            else:
                gate.reject(verdict, "the baseline has no prediction", [(row["id"], "prediction")])
    how = VERDICT_ALONE if settings.verdicts == LIKELIHOOD else REASONS
    prompts = []
    for verdict, row, rival, item in pairs:
        texts = {OWN: row["text"], OTHER: rival["text"]}
        first, second = (texts[side] for side in PLACES[verdict["place"]])
        text = question(with_input(item["instruction"], item["input"]), first, second, how)
        prompts.append(Prompt.ask(text, row_seed(seed, NAME, text)))
    for (verdict, row, rival, item), (given, text) in zip(pairs, _asked(prompts, model, settings), strict=True):
        parents = [
            (row["id"], "prediction"),
            (rival["id"], "baseline"),
            (item["id"], "item"),
            *((one.call, "call") for one in given),
        ]
        preferred = chosen(text, verdict["place"])
        if _silent(gate, verdict, given, parents):
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
    each = len(VERDICTS) if settings.verdicts == LIKELIHOOD else 1
    verdicts = Step(
        asset=names.verdicts(NAME, arm),
        group="evaluation",
        description=(
            f"Which answer the judge prefers, that of {answerers.described(arm)} or that of "
            f"{answerers.described(baseline)}, in both orders."
        ),
        model=Verdict,
        build=build_verdicts,
        slice=_slice(settings, recipe),
        inputs=inputs,
        kinds=frozenset({"transformers", "duckdb"}),
        most=Most(rows=count, calls=each * count),
        columns=made(
            *inputs,
            **{name: () for name in ("benchmark", "arm", "place")},
            seed=[("own", "seed")],
            item=[("own", "item")],
            preferred=read,
        ),
    )
    return [verdicts, scores]


def _slice(settings: Judge, recipe: Recipe) -> dict[str, Any]:
    """What the verdicts depend on. Where none is written, how it would be written does not count."""
    found = recipe.slice("seed", f"evaluation.{NAME}", f"models.{settings.model}")
    if settings.verdicts == LIKELIHOOD:
        del found[f"evaluation.{NAME}"]["verdict"]
    return found


def faults(settings: Judge, recipe: Recipe) -> Iterator[tuple[str, object, str]]:
    """Check that the benchmark in `of` has predictions, and that a likelihood can be measured and has no sampling."""
    if settings.verdicts == LIKELIHOOD and "verdict" in settings.model_fields_set:
        yield "verdict", settings.verdict.model_dump(), f"verdicts: {LIKELIHOOD} does not use it"
    judge = recipe.models.get(settings.model)
    if settings.verdicts == LIKELIHOOD and judge and Address.parse(judge.address).is_endpoint:
        yield "verdicts", LIKELIHOOD, f"the model {settings.model} is at an endpoint, which only writes texts"
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
