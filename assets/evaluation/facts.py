"""What a leaderboard shows beside the scores of an arm, as facts: they have no interval and no verdict.

- `words`: the mean length of the arm's answers in words (see warehouse/core/words.py). METEOR rewards recall, so longer
  answers score higher.
- `cut_off`: the share of answers that were cut off at the token limit. A cut answer lacks its end, whatever it scores.

Worked example: answers of 10 and 30 words, the second of them cut off, have 20 words on average, and 50 % are cut off.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from assets.recipe.parts import SamplingPart
from assets.recipe.types import Recipe
from warehouse.core.words import words_in

Facts = dict[str, dict[str, dict[str, float]]]
"""From a benchmark to an arm to the values of its facts, by the name of the fact."""


@dataclass(frozen=True)
class Fact:
    """A number beside the scores, shown under `title` in `unit`."""

    name: str
    title: str
    unit: str


FACTS = (
    Fact("words", "answer length", "words"),
    Fact("cut_off", "cut off", "%"),
)


def budgets(recipe: Recipe) -> dict[str, int]:
    """The most tokens of an answer, for each benchmark in which students write (its setting `answer`)."""
    found = {name: getattr(recipe.evaluation.settings(name), "answer", None) for name in recipe.benchmarks}
    return {name: part.max_new_tokens for name, part in found.items() if isinstance(part, SamplingPart)}


def of_answers(answers: pl.DataFrame) -> Facts:
    """The facts of answers (columns benchmark, arm, text, and complete, which is null where it is not known)."""
    found: Facts = {}
    for (benchmark, arm), part in answers.sort("benchmark", "arm").group_by("benchmark", "arm", maintain_order=True):
        lengths = part["text"].map_elements(lambda text: len(words_in(text)), pl.Int64)
        values = {"words": float(lengths.mean())}  # type: ignore[arg-type]
        if len(known := part["complete"].drop_nulls()):
            values["cut_off"] = 100 * float((~known).mean())  # type: ignore[arg-type]
        found.setdefault(str(benchmark), {})[str(arm)] = values
    return found


def named(facts: Mapping[str, Mapping[str, Mapping[str, float]]], benchmark: str) -> list[Fact]:
    """The facts that any arm has on a benchmark, in the order in which they are shown."""
    held = {name for values in facts.get(benchmark, {}).values() for name in values}
    return [fact for fact in FACTS if fact.name in held]
