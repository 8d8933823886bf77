"""What a recipe costs at most, found from its bounds alone: nothing is downloaded, built or computed by a model."""

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
    """The upper bounds of a stage of the pipeline.

    `tokens` bounds the tokens that its `completions` write, without prompts. A step with both `losses` and `embeddings`
    counts all of them as losses, which take longer. `trained` bounds the tokens that its `trainings` read: rows times
    epochs times the longest example. `uncounted` lists the assets whose calls or training examples cannot be bounded.
    """

    name: str
    assets: int
    completions: int
    tokens: int
    losses: int
    embeddings: int
    trainings: int
    trained: int
    uncounted: tuple[str, ...]


def estimate(steps: Sequence[Step], planned: Sequence[Planned]) -> list[Stage]:
    """The stages that have steps, in pipeline order, from a plan of all `steps` in an empty warehouse.

    Each completion is assumed to be as long as the longest one that the step's slice of the recipe allows. A step that
    both trains and writes counts as one that writes.
    """
    rows = {one.asset: _most_rows(step, one) for step, one in zip(steps, planned, strict=True)}
    costs = [*_costs(steps, planned)]
    stages = []
    for name in STAGES:
        assets = sum(step.group == name for step in steps)
        if not assets:
            continue
        here = [(step, one) for step, one in costs if step.group == name]
        counted = {"completions": 0, "tokens": 0, "losses": 0, "embeddings": 0, "trainings": 0, "trained": 0}
        uncounted = [step.asset for step, one in here if one.calls is None]
        for step, one in here:
            longest = max(_budgets(step.slice), default=0)
            kind = "completions" if longest else "trainings" if step.model is Checkpoint else _reading(step.slice)
            examples = max((rows.get(asset, 0) for asset in step.inputs.values()), default=0)
            if kind == "trainings" and one.calls and not examples:
                uncounted.append(step.asset)
                continue
            counted[kind] += one.calls or 0
            counted["tokens"] += longest * (one.calls or 0)
            if kind == "trainings":
                counted["trained"] += (one.calls or 0) * examples * _longest_epochs(step.slice)
        stages.append(Stage(name, assets, **counted, uncounted=tuple(uncounted)))
    return stages


def _costs(steps: Sequence[Step], planned: Sequence[Planned]) -> Iterator[tuple[Step, Planned]]:
    """Each step with its cost; that of an asset which builds others in rounds comes with these."""
    for step, one in zip(steps, planned, strict=True):
        if step.rounds and one.inner:
            yield from zip(step.rounds.inner, one.inner, strict=True)
        else:
            yield step, one


def _most_rows(step: Step, planned: Planned) -> int:
    """How many rows a step keeps at most, 0 if unknown; `planned.rows` also counts rows that are dropped."""
    rows = planned.rows or planned.most_rows or 0
    return min(rows, step.most.rows) if step.most else rows


def _longest_epochs(slice_: Mapping[str, Any]) -> int:
    """The tokens of the longest example over all epochs."""
    settings = next(value for value in slice_.values() if isinstance(value, dict) and "epochs" in value)
    return int(settings["epochs"]) * int(settings["max_tokens"])


def _reading(slice_: Mapping[str, Any]) -> str:
    """What the calls of a step are that neither writes nor trains: embeddings if all its models are embedders."""
    models = {path.removeprefix("models.") for path in slice_ if path.startswith("models.")}
    return "embeddings" if models <= {*_embedders(slice_)} else "losses"


def _embedders(value: Any) -> Iterator[str]:
    """Every model that a slice names as `embedder`."""
    if isinstance(value, dict):
        for key, inside in value.items():
            if key.rpartition(".")[2] == "embedder" and isinstance(inside, str):
                yield inside
            else:
                yield from _embedders(inside)


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
