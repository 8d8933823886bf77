"""Few-shot prompts: seed pairs that a model reads, as turns of a conversation, before the instruction that it answers.

A base model was never taught to answer. Examples show it the form of a conversation, that an answer ends, and how long
it is. Ours: that the examples of an instruction are the seed tasks that follow it on a ring in the order of a hash. So
an instruction never sees its own human response, every task is shown about equally often, and one more seed task
changes the examples of few others.

Worked example: on the ring Pesto, rye, Ada, and then Pesto again, two shots for rye are Ada and Pesto.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assets.prompting.prompts import with_input
from warehouse.core.identity import row_seed
from warehouse.core.texts import normalized


def shots(tasks: Sequence[Mapping[str, Any]], count: int, seed: int) -> dict[str, list[Mapping[str, Any]]]:
    """For each of `tasks` (id, instruction, input, response), by id, up to `count` others that ask something else."""
    asked = {task["id"]: normalized(with_input(task["instruction"], task["input"])) for task in tasks}
    ring = sorted(tasks, key=lambda task: (row_seed(seed, "shots", asked[task["id"]], task["response"]), task["id"]))
    found: dict[str, list[Mapping[str, Any]]] = {}
    for place, task in enumerate(ring):
        following = (ring[(place + step) % len(ring)] for step in range(1, len(ring)))
        others = (one for one in following if asked[one["id"]] != asked[task["id"]])
        found[task["id"]] = [one for one, _ in zip(others, range(count), strict=False)]
    return found


def turns(shown: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, str], ...]:
    """The pairs as turns of a conversation: (role, text)."""
    return tuple(
        turn
        for one in shown
        for turn in (("user", with_input(one["instruction"], one["input"])), ("assistant", one["response"]))
    )
