"""What a recipe would cost at most, from its bounds alone: nothing is fetched, built or asked for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assets import STAGES
from assets.planning.planned import Planned
from assets.steps.step import Step
from warehouse.schema.records import Checkpoint


@dataclass(frozen=True)
class Stage:
    """The most that a stage of the pipeline may take.

    `tokens` bounds what its `completions` write; prompts, which are read, come on top. `readings` are losses and
    embeddings. `trained` bounds the tokens that its `trainings` go through: rows, epochs and the longest example.
    `uncounted` names assets whose calls, or what they train on, cannot be bounded.
    """

    name: str
    assets: int
    completions: int
    tokens: int
    readings: int
    trainings: int
    trained: int
    uncounted: tuple[str, ...]


def estimate(steps: Sequence[Step], planned: Sequence[Planned]) -> list[Stage]:
    """The stages that have steps, in pipeline order, from a plan of all `steps` in an empty warehouse.

    A step's completions are taken to be as long as the longest that its slice of the recipe allows; a step that trains
    and writes counts as one that writes.
    """
    rows = {one.asset: _most_rows(step, one) for step, one in zip(steps, planned, strict=True)}
    stages = []
    for name in STAGES:
        here = [(step, one) for step, one in zip(steps, planned, strict=True) if step.group == name]
        if not here:
            continue
        counted = {"completions": 0, "tokens": 0, "readings": 0, "trainings": 0, "trained": 0}
        uncounted = [step.asset for step, one in here if one.calls is None]
        for step, one in here:
            longest = max(_budgets(step.slice), default=0)
            kind = "completions" if longest else "trainings" if step.model is Checkpoint else "readings"
            examples = max((rows.get(asset, 0) for asset in step.inputs.values()), default=0)
            if kind == "trainings" and one.calls and not examples:
                uncounted.append(step.asset)
                continue
            counted[kind] += one.calls or 0
            counted["tokens"] += longest * (one.calls or 0)
            if kind == "trainings":
                counted["trained"] += (one.calls or 0) * examples * _longest_epochs(step.slice)
        stages.append(Stage(name, len(here), **counted, uncounted=tuple(uncounted)))
    return stages


def _most_rows(step: Step, planned: Planned) -> int:
    """How many rows a step keeps at most, as far as that is known: of `rows` some may be dropped."""
    rows = planned.rows or planned.most_rows or 0
    return min(rows, step.most.rows) if step.most else rows


def _longest_epochs(slice_: Mapping[str, Any]) -> int:
    """Tokens that one example may take over all epochs."""
    settings = next(value for value in slice_.values() if isinstance(value, dict) and "epochs" in value)
    return int(settings["epochs"]) * int(settings["max_tokens"])


def _budgets(value: Any) -> Iterator[int]:
    """Every `max_new_tokens` in a slice."""
    if isinstance(value, dict):
        for key, inside in value.items():
            if key == "max_new_tokens" and isinstance(inside, int):
                yield inside
            else:
                yield from _budgets(inside)
    elif isinstance(value, list | tuple):
        for inside in value:
            yield from _budgets(inside)
