"""Candidates: several texts are drawn for one pair, and a declared measure chooses one of them.

A model that writes a poor instruction for a text often writes a good one at another attempt. All candidates are rows on
record. One is kept; the others are rejected as "not chosen", with their score next to the best one. The first candidate
is drawn as a single one would be, and one more candidate changes no other, so it costs its own calls only.

`choose: gain` (ours; see assets/prompting/alignment.py) keeps the candidate whose instruction helps most to predict its
response, as the model without an adapter sees it. `rating` keeps the one with the highest expected score from 1 to 5
(see rating.py), and `first` the first that is complete. `rules` (ours) keeps the first that breaks no rule of
enhancement.heuristics, for pairs that a rule can check: it scores 1, the others 0, and where all break one the first is
kept.

Worked example: for a text about Pesto the model writes "What is it?" and "How is Pesto made?", whose gains are 0.1 and
0.7 nats per token. The second is kept with the score 0.7, and the first rejected with the score 0.1 and the cut 0.7.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import polars as pl

from assets.generation.rating import ratings
from assets.prompting.alignment import Measured, gains
from assets.prompting.heuristics import broken_rule
from assets.prompting.unwanted import unwanted
from assets.recipe.filters import Heuristics
from assets.recipe.parts import CandidatesPart
from resources.models.calls import Completion, Reader
from warehouse.core.identity import Parent, row_seed
from warehouse.results.result import Gate

NOT_CHOSEN = "not chosen"
T = TypeVar("T")


class Sampled(Protocol):
    """Settings of how a model decodes."""

    @property
    def temperature(self) -> float:
        """0 for greedy decoding."""
        ...


@dataclass(frozen=True)
class Candidate:
    """A complete pair and its parents."""

    row: Mapping[str, str]
    parents: tuple[Parent, ...]


def seeds(count: int, *parts: object) -> list[int]:
    """The seeds of `count` candidates; the first is that of a single text."""
    return [row_seed(*parts, *(("candidate", number) if number else ())) for number in range(count)]


def grouped(items: Sequence[T], written: Sequence[Completion], count: int) -> Iterator[tuple[T, Sequence[Completion]]]:
    """Each item with the `count` completions that were written for it, where those of all items are in one list."""
    for number, item in enumerate(items):
        yield item, written[number * count : (number + 1) * count]


def equal_at_zero(settings: CandidatesPart, sampling: Sampled, key: str) -> Iterator[tuple[str, object, str]]:
    """The fault of several candidates that would all be equal; `key` holds the sampling."""
    if settings.candidates > 1 and sampling.temperature == 0:
        yield "candidates", settings.candidates, f"at temperature 0 all are equal; raise {key}.temperature"


def choose(
    gate: Gate,
    groups: Sequence[Sequence[Candidate]],
    settings: CandidatesPart,
    reader: Reader,
    rules: Heuristics | None = None,
    keep: bool = True,
) -> list[Candidate | None]:
    """Keep the best candidate of each group, and reject the others; return the best ones, None where a group has none.

    A candidate that cannot be measured is kept only where none of its group can be. One at which the model failed has
    failed. `rules` are needed to choose by them. Without `keep` nothing is decided about the best ones."""
    if settings.candidates == 1:
        if keep:
            for one in (one for group in groups for one in group):
                gate.keep(one.row, one.parents)
        return [group[0] if group else None for group in groups]
    values = iter(_measured(settings.choose, [one.row for group in groups for one in group], reader, rules))
    return [_decide(gate, [(one, next(values)) for one in group], keep) for group in groups]


def _measured(
    how: str, rows: Sequence[Mapping[str, str]], reader: Reader, rules: Heuristics | None
) -> Sequence[Measured]:
    if how == "first":
        return [Measured(None)] * len(rows)
    if how == "rules":
        assert rules is not None
        return [Measured(float(breaks_none)) for breaks_none in _break_none(rows, rules)]
    return (gains if how == "gain" else ratings)(rows, reader)


def _break_none(rows: Sequence[Mapping[str, str]], rules: Heuristics) -> Iterator[bool]:
    """Whether each pair passes the rules that look at one pair alone."""
    frame = pl.DataFrame({"id": [str(place) for place in range(len(rows))]}).with_columns(
        pl.Series(name, [row[name] for row in rows], pl.String) for name in ("instruction", "response")
    )
    says = unwanted(frame, rules.unwanted)
    for place, row in enumerate(rows):
        broken = broken_rule(row["instruction"], row["response"], rules, row["input"])
        yield broken is None and str(place) not in says


def _decide(gate: Gate, group: Sequence[tuple[Candidate, Measured]], keep: bool) -> Candidate | None:
    usable = []
    for one, found in group:
        made_of = Candidate(one.row, (*one.parents, *((call, "choice") for call in found.calls)))
        if found.error:
            gate.fail(made_of.row, found.error, made_of.parents)
        else:
            usable.append((made_of, found.value))
    if not usable:
        return None
    best, score = max(usable, key=lambda one: float("-inf") if one[1] is None else one[1])
    kept = gate.keep(best.row, best.parents, score) if keep else None
    for one, value in usable:
        if one is not best:
            gate.reject(one.row, NOT_CHOSEN, one.parents, value, score, of=kept)
    return best
