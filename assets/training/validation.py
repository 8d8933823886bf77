"""Rows that no training sees: their loss after each epoch shows whether it still learns what carries over (ours).

They are drawn by hash, so that the same rows are held out whatever their order. Rows with equal responses are on one
side, since the loss is that of responses: a row whose response is also trained on would say nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from warehouse.core.errors import UserError
from warehouse.core.identity import row_seed
from warehouse.results.result import WARNINGS

LOSSES = "validation loss after each epoch"
HELD_OUT = "examples held out"
"""The keys of a version's notes for the losses by training seed, and for the number of held-out examples."""


def held_out(responses: Sequence[str], validation: float | None, seed: int, key: str) -> list[bool]:
    """Which rows are held out: the share `validation` of them (below 1) or so many, and more where responses are equal.

    Raises UserError, with the path `key` of the setting, where none would be left to train on.
    """
    if validation is None:
        return [False] * len(responses)
    wanted = validation if validation >= 1 else max(1, round(validation * len(responses)))
    rows_with, chosen, rows = Counter(responses), set(), 0
    for text in sorted(rows_with, key=lambda text: row_seed("validation", seed, text)):
        if rows < wanted:
            chosen.add(text)
            rows += rows_with[text]
    if rows == len(responses):
        raise UserError(
            f"{key}: found {validation:g}; of {len(responses)} rows with {len(rows_with)} different responses, none "
            "would be left to train on; right would be a lower share or count"
        )
    return [response in chosen for response in responses]


def seed_name(seed: int) -> str:
    """The key of the losses of a training seed in the notes."""
    return f"seed {seed}"


def validation_notes(losses: Mapping[int, Sequence[float]], count: int, key: str) -> dict[str, Any]:
    """What is shown of the losses of `count` held-out examples after each epoch, by training seed.

    A warning says where the last epoch was not the best one. Nothing for no held-out examples.
    """
    if not count:
        return {}
    shown = {seed_name(seed): [round(loss, 4) for loss in found] for seed, found in losses.items()}
    notes: dict[str, Any] = {HELD_OUT: count, LOSSES: shown}
    warnings = [
        f"the validation loss of {seed} was {min(found):g} after epoch {found.index(min(found)) + 1} and rose to "
        f"{found[-1]:g} at the end; fewer {key}.epochs may be better"
        for seed, found in shown.items()
        if found and min(found) < found[-1]
    ]
    return notes | ({WARNINGS: warnings} if warnings else {})


def joined_notes(*parts: Mapping[str, Any]) -> dict[str, Any]:
    """All notes of a version, with the warnings of every part."""
    warnings = [warning for part in parts for warning in part.get(WARNINGS, ())]
    notes = {name: value for part in parts for name, value in part.items()}
    return notes | ({WARNINGS: warnings} if warnings else {})
