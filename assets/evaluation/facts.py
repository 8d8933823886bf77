"""What a leaderboard shows beside the scores of an arm, as facts: they have no interval and no verdict.

- `words`: the mean length of the arm's answers in words (see warehouse/core/words.py). METEOR rewards recall, so longer
  answers score higher.
- `cut_off`: the share of answers that were cut off at the token limit. A cut answer lacks its end, whatever it scores.

- `no_verdict`: the share of the arm's answers on which a judge gave no verdict, among those that it was asked about.
  Its win rate is over the others alone. From MOST_WITHOUT_VERDICT on (ours) the leaderboard warns.
- `length_controlled`: the win rate that the arm would have with answers as long as the baseline's (see
  length_control.py).

Worked example: answers of 10 and 30 words, the second of them cut off, have 20 words on average, and 50 % are cut off.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

import polars as pl

from assets.evaluation.length_control import controlled_win_rate
from assets.evaluation.rivals import WIN, rivals
from assets.recipe.parts import SamplingPart
from assets.recipe.types import Recipe
from warehouse.core.texts import listed
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
    Fact("no_verdict", "no verdict", "%"),
    Fact("length_controlled", "win rate at equal lengths", "%"),
)

MOST_WITHOUT_VERDICT = 20.0
"""In percent."""


def budgets(recipe: Recipe) -> dict[str, int]:
    """The most tokens of an answer, for each benchmark in which students write (its setting `answer`)."""
    found = {name: getattr(recipe.evaluation.settings(name), "answer", None) for name in recipe.benchmarks}
    return {name: part.max_new_tokens for name, part in found.items() if isinstance(part, SamplingPart)}


def of_answers(answers: pl.DataFrame) -> Facts:
    """The facts of answers (columns benchmark, arm, text, and complete, which is null where it is not known)."""
    found: Facts = {}
    for (benchmark, arm), part in answers.sort("benchmark", "arm").group_by("benchmark", "arm", maintain_order=True):
        values = {"words": fmean(map(_words, part["text"]))}
        if ended := part["complete"].drop_nulls().to_list():
            values["cut_off"] = 100 * ended.count(False) / len(ended)
        found.setdefault(str(benchmark), {})[str(arm)] = values
    return found


def of_verdicts(scores: pl.DataFrame, answers: pl.DataFrame, judges: Mapping[str, str], baseline: str) -> Facts:
    """The facts of judgements, from scores and answers, both with the columns benchmark, arm, seed and item.

    Scores have also the columns metric and value, answers the column text.

    `judges` are the benchmarks that compare the answers of an arm with those of `baseline`, each with the benchmark
    whose answers they are."""
    found: Facts = {}
    for judge, of in judges.items():
        written = answers.filter(benchmark=of)
        wins = scores.filter(benchmark=judge, metric=WIN)
        for (arm,), own in written.sort("arm").group_by("arm", maintain_order=True):
            pairs = [(row, rival) for row, rival in rivals(own, written.filter(arm=baseline)) if rival]
            if arm == baseline or not pairs:
                continue
            given = wins.filter(arm=arm).select("seed", "item", "value").iter_rows()
            win = {(seed, item): value for seed, item, value in given}
            judged = [(row, rival, win[place]) for row, rival in pairs if (place := (row["seed"], row["item"])) in win]
            values = {"no_verdict": 100 * (1 - len(judged) / len(pairs))}
            longer = [_words(row["text"]) - _words(rival["text"]) for row, rival, _ in judged]
            if (rate := controlled_win_rate([value for *_, value in judged], longer)) is not None:
                values["length_controlled"] = 100 * rate
            found.setdefault(judge, {})[str(arm)] = values
    return found


def _words(text: str) -> int:
    return len(words_in(text))


def warnings(facts: Facts) -> list[str]:
    """The judges that gave too few verdicts on an arm, as sentences."""
    found = []
    for benchmark, by_arm in facts.items():
        shares = {arm: values.get("no_verdict", 0.0) for arm, values in by_arm.items()}
        if silent := [f"{share:.0f} % ({arm})" for arm, share in shares.items() if share >= MOST_WITHOUT_VERDICT]:
            found.append(
                f"{benchmark}: no verdict on {listed(silent)} of the answers; a win rate is over the others only."
            )
    return found


def named(facts: Mapping[str, Mapping[str, Mapping[str, float]]], benchmark: str) -> list[Fact]:
    """The facts that any arm has on a benchmark, in the order in which they are shown."""
    held = {name for values in facts.get(benchmark, {}).values() for name in values}
    return [fact for fact in FACTS if fact.name in held]
