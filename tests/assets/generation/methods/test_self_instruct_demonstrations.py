"""Self-Instruct publishes exact numbers for its prompt: 8 demonstrations, at most 2 of them machine-made, one line
each. They must hold for a pool of any size."""

from __future__ import annotations

import random

import hypothesis
from hypothesis import given
from hypothesis import strategies as st

from assets.generation.methods.self_instruct import Task
from assets.prompting.prompts import more_tasks
from tests.support.bootstrapping import pool


@hypothesis.settings(deadline=None)
@given(
    human=st.integers(0, 20),
    machine=st.integers(0, 20),
    wanted=st.integers(3, 10),
    most=st.integers(0, 2),
    seed=st.integers(),
)
def test_demonstrations_are_as_many_as_wanted_with_few_machine_made_ones(
    human: int, machine: int, wanted: int, most: int, seed: int
) -> None:
    made = pool(*(f"human {n}" for n in range(human)), demonstrations=wanted, machine_demonstrations=most)
    made.machine.extend(Task(f"machine {n}") for n in range(machine))
    shown = made.demonstrations(random.Random(seed))
    by_machine = [task for task in shown if task.id is None]
    assert len(by_machine) == min(most, machine)
    assert len(shown) == min(wanted, human + len(by_machine))
    assert len({task.instruction for task in shown}) == len(shown)


def test_there_are_8_demonstrations_of_which_2_are_machine_made() -> None:
    made = pool(*(f"human {n}" for n in range(30)))
    made.machine.extend(Task(f"machine {n}") for n in range(30))
    for seed in range(50):
        shown = made.demonstrations(random.Random(seed))
        assert (len(shown), sum(task.id is None for task in shown)) == (8, 2)


def test_machine_made_demonstrations_can_have_any_position() -> None:
    made = pool(*(f"human {n}" for n in range(8)))
    made.machine.extend(Task(f"machine {n}") for n in range(2))
    places = {
        place
        for seed in range(200)
        for place, task in enumerate(made.demonstrations(random.Random(seed)))
        if task.id is None
    }
    assert places == set(range(8))


def test_an_example_of_several_lines_is_shown_on_one() -> None:
    assert more_tasks(["Sort these:\n\n1. rye\r\n2. oats ", "What is rye?"], 1).text == (
        "Come up with a series of tasks:\n\n1. Sort these: 1. rye 2. oats\n2. What is rye?\n3."
    )
