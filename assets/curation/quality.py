"""The quality of a training set: numbers that show whether its instructions belong to their responses.

- `retrieval_at_1` and `mrr`: for each instruction, the responses of the set are ordered by the cosine of their sentence
  embeddings to it. R@1 is the share of instructions whose own response comes first, MRR the mean of 1 / its rank
  (Voorhees 1999, https://trec.nist.gov/pubs/trec8/papers/qa_report.pdf). Equal responses count as one.
- `generic`: the share of instructions whose own response is not among the nearest tenth (at least one): they fit many
  texts as well as their own, such as "How do I make that happen?". The tenth is our choice.
- `gain`: the mean gain (see assets/prompting/alignment.py), measured by the untouched base of the student, which has
  not seen the pairs. `unhelpful` is the share of pairs whose gain is not above 0.
- `distinct`: the share of different instructions. `same_opening`: the share of the most frequent first three words.
- `copied`: the mean share of the instruction that stands in the response in one run of words. A high R@1 may come from
  instructions that repeat words of their response.
- `instruction_words` and `response_words`: medians.
- the shares of the languages of the pairs (see languages.py).

The check `quality` warns where more than a tenth of the pairs are unhelpful (ours), and names the worst. It blocks
nothing.

Worked example: of three pairs with the gains 0.8, 0.5 and -0.1 the mean gain is 0.4, and a third is unhelpful.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from statistics import fmean, median
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assets.prompting.alignment import Measured, gains
from assets.prompting.heuristics import copied_share
from assets.prompting.languages import MOST as MOST_LANGUAGES
from assets.prompting.languages import PREFIX, languages, languages_shown
from assets.prompting.prompts import with_input
from assets.recipe.types import Recipe
from assets.steps import names
from assets.steps.step import Most, Step, made
from resources.models.calls import Vector
from resources.tools.tools import Tools
from warehouse.core.identity import row_seed
from warehouse.core.texts import normalized, on_one_line, shortened
from warehouse.core.words import words_in
from warehouse.results.result import Check, Gate, Result
from warehouse.schema.records import Quality

CHECK = "quality"
MOST_UNHELPFUL = 0.1
BLOCK = 1024
WORST, RANDOM, SHOWN = 3, 10, 200
"""How many rows are named in the check, how many are shown, and with how many characters of each text."""


@dataclass(frozen=True)
class Measure:
    """What a number of a training set means, in `unit`: it is shown times `scale`."""

    name: str
    title: str
    unit: str
    scale: float = 1.0


MEASURES = (
    Measure("retrieval_at_1", "R@1", "%", 100),
    Measure("mrr", "MRR", "", 1),
    Measure("generic", "generic", "%", 100),
    Measure("gain", "gain", "nats per token"),
    Measure("unhelpful", "unhelpful", "%", 100),
    Measure("distinct", "distinct", "%", 100),
    Measure("same_opening", "same opening", "%", 100),
    Measure("copied", "copied", "%", 100),
    Measure("instruction_words", "instruction words", "words"),
    Measure("response_words", "response words", "words"),
)

Vectors = NDArray[np.float64]
"""One unit-length row per text."""


def ranks(instructions: Vectors, responses: Vectors, texts: Sequence[str]) -> list[int]:
    """The rank of the own response of each instruction, from 1, among the different `texts` of the responses."""
    compared, first = [normalized(text) for text in texts], dict[str, int]()
    for place, text in enumerate(compared):
        first.setdefault(text, place)
    number = {text: column for column, text in enumerate(first)}
    return ranks_among(responses[[*first.values()]], instructions, [number[text] for text in compared])


def ranks_among(found: Vectors, asked: Vectors, own: Sequence[int]) -> list[int]:
    """The rank of `found[own[i]]` among all of `found` by the cosine to `asked[i]`, from 1; equal cosines share one."""
    ranked = list[int]()
    for start in range(0, len(asked), BLOCK):
        similarity = asked[start : start + BLOCK] @ found.T
        mine = similarity[range(len(similarity)), own[start : start + BLOCK]]
        ranked += (1 + (similarity > mine[:, None]).sum(axis=1)).tolist()
    return ranked


def of_ranks(found: Sequence[int]) -> dict[str, float]:
    """R@1, MRR and the share of generic instructions."""
    near = max(1, ceil(len(found) / 10))
    return {
        "retrieval_at_1": fmean(rank == 1 for rank in found),
        "mrr": fmean(1 / rank for rank in found),
        "generic": fmean(rank > near for rank in found),
    }


def of_texts(pairs: Sequence[dict[str, Any]]) -> dict[str, float]:
    """What can be counted without a model."""
    asked = [normalized(with_input(pair["instruction"], pair["input"])) for pair in pairs]
    openings = Counter(" ".join(words_in(text)[:3]) for text in asked)
    return {
        "distinct": len(set(asked)) / len(pairs),
        "same_opening": openings.most_common(1)[0][1] / len(pairs),
        "copied": fmean(copied_share(pair["instruction"], pair["response"]) for pair in pairs),
        "instruction_words": median(len(words_in(pair["instruction"])) for pair in pairs),
        "response_words": median(len(words_in(pair["response"])) for pair in pairs),
    }


def of_gains(found: Sequence[Measured]) -> dict[str, float]:
    """The mean gain and the share of unhelpful pairs, over the pairs that have a gain; nothing where none has."""
    values = [one.value for one in found if one.value is not None]
    return {"gain": fmean(values), "unhelpful": fmean(value <= 0 for value in values)} if values else {}


def quality(arm: str, frame: pl.DataFrame, found: Sequence[Measured], vectors: Sequence[Vector] | None) -> Result:
    """One record per measure of the pairs (columns id, instruction, input, response).

    `vectors` are the embeddings of all instructions and then of all responses; without them nothing is retrieved."""
    pairs = frame.to_dicts()
    counted, gained, ranked = of_texts(pairs), of_gains(found), dict[str, float]()
    if vectors is not None and not any(one.error for one in vectors):
        both = np.array([one.values for one in vectors], dtype=np.float64)
        ranked = of_ranks(ranks(both[: len(pairs)], both[len(pairs) :], [pair["response"] for pair in pairs]))
    values = counted | gained | ranked
    spoken = {f"{PREFIX}{language}": 100 * share for language, share in languages(pairs).items()}
    losses = tuple(call for one in found for call in one.calls)
    calls = dict.fromkeys(gained, losses) | dict.fromkeys(ranked, tuple(one.call for one in vectors or ()))
    gate = Gate(Quality, len(values) + len(spoken))
    for measure in MEASURES:
        if measure.name in values:
            row = {"arm": arm, "measure": measure.name, "value": measure.scale * values[measure.name]}
            made_of = [(call, "call") for call in calls.get(measure.name, ())]
            parents = [*((pair["id"], "measured") for pair in pairs), *made_of]
            gate.keep(row | {"unit": measure.unit, "rows": len(pairs)}, parents)
    for name, value in spoken.items():
        row = {"arm": arm, "measure": name, "value": value, "unit": "%", "rows": len(pairs)}
        gate.keep(row, [(pair["id"], "measured") for pair in pairs])
    worst = sorted(
        ((one.value, pair) for one, pair in zip(found, pairs, strict=True) if one.value is not None),
        key=lambda one: one[0],
    )[:WORST]
    facts: dict[str, Any] = {"unhelpful": values.get("unhelpful", 0.0), "most": MOST_UNHELPFUL}
    facts |= {f"worst {place}": f"gain {value:.2f}: {_shown(pair)}" for place, (value, pair) in enumerate(worst, 1)}
    check = Check(CHECK, values.get("unhelpful", 0.0) <= MOST_UNHELPFUL, facts)
    drawn = sorted(pairs, key=lambda pair: row_seed("shown", pair["id"]))[:RANDOM]
    notes: dict[str, Any] = {
        one.title: round(one.scale * values[one.name], 3) for one in MEASURES if one.name in values
    }
    notes |= {"languages": languages_shown(spoken)}
    return gate.result(checks=[check], notes=notes | {"random rows": [_shown(pair) for pair in drawn]})


def _shown(pair: dict[str, Any]) -> str:
    asked = with_input(pair["instruction"], pair["input"])
    return " → ".join(shortened(on_one_line(text), SHOWN) for text in (asked, pair["response"]))


def step(recipe: Recipe, arm: str) -> Step:
    """The asset `quality/<arm>`; its check `quality` warns and blocks nothing."""
    base = recipe.training.base
    embedder = recipe.curation.diversity.embedder if recipe.curation.diversity else None

    def build(tools: Tools, pairs: pl.DataFrame) -> Result:
        rows = pairs.to_dicts()
        texts = [with_input(row["instruction"], row["input"]) for row in rows] + [row["response"] for row in rows]
        vectors = tools.embed(embedder, texts) if embedder else None
        return quality(arm, pairs, gains(rows, tools.model(base)), vectors)

    texts = [("pairs", column) for column in ("instruction", "input", "response")]
    rows = recipe.arms[arm].rows or (None if recipe.arms[arm].response_tokens else recipe.curation.rows)
    return Step(
        asset=names.quality(arm),
        group="curation",
        description=f"Whether the instructions of the training set of {arm!r} belong to their responses.",
        model=Quality,
        build=build,
        slice=recipe.slice("training.base", f"models.{base}")
        | ({"embedder": embedder, **recipe.slice(f"models.{embedder}")} if embedder else {}),
        inputs={"pairs": names.training_set(arm)},
        kinds=frozenset({"transformers", "duckdb"}),
        # Two losses per pair, and the embeddings of both texts.
        most=Most(rows=len(MEASURES) + MOST_LANGUAGES + 1, calls=(4 if embedder else 2) * rows) if rows else None,
        checks={CHECK: False},
        columns=made("pairs", arm=(), measure=(), value=texts, unit=(), rows=[("pairs", "id")]),
    )
