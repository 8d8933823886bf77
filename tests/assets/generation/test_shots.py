"""A base model answers better after examples, but an example must not give the answer away. These tests check which
pairs a model sees before an instruction, in which form, and that they are parents of what it writes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer

from assets.generation.methods import self_training
from assets.generation.methods.self_training import SelfTraining
from assets.generation.shots import shots, turns
from assets.planning.graph import steps
from assets.recipe.parts import SamplingPart
from resources.models.chat_template import PLAIN
from resources.models.prompt_tokens import PromptTokens
from tests.support.recipes import parsed, put, starter
from tests.support.results import SEEDS, edges_of
from tests.support.scripted import ScriptedWriter, call_of, on_text
from warehouse.core.identity import digest
from warehouse.results.validation import validated

SETTINGS = SelfTraining(count=2, shots=2, response=SamplingPart(max_new_tokens=32))


def task(number: int, instruction: str = "") -> dict[str, Any]:
    text = instruction or f"What is {number}?"
    return {"id": digest(number), "instruction": text, "input": "", "response": f"A number: {number}."}


@given(st.integers(1, 12), st.integers(1, 5), st.integers())
def test_every_task_sees_others_and_is_shown_as_often_as_any(size: int, count: int, seed: int) -> None:
    tasks = [task(number) for number in range(size)]
    found = shots(tasks, count, seed)
    assert {len(shown) for shown in found.values()} == {min(count, size - 1)}
    assert all(one["id"] != asked for asked, shown in found.items() for one in shown)
    shown = Counter(one["id"] for several in found.values() for one in several)
    assert set(shown.values()) <= {min(count, size - 1)}


def test_the_order_of_tasks_changes_nothing_and_one_more_changes_few() -> None:
    tasks = [task(number) for number in range(40)]
    found = shots(tasks, 3, 7)
    assert shots(tasks[::-1], 3, 7) == found
    more = shots([*tasks, task(40)], 3, 7)
    assert sum(more[asked] != shown for asked, shown in found.items()) == 3


def test_an_instruction_that_is_asked_twice_never_sees_an_answer_to_itself() -> None:
    tasks = [task(0, "What is rye?"), task(1, "what is  RYE"), task(2)]
    found = shots(tasks, 2, 7)
    assert {asked: [one["id"] for one in shown] for asked, shown in found.items() if asked != digest(2)} == {
        digest(0): [digest(2)],
        digest(1): [digest(2)],
    }


def test_the_pairs_are_turns_before_the_instruction_and_parents_of_the_answer() -> None:
    writer = ScriptedWriter(on_text(lambda _: ("A sauce.", True, None)))
    result = validated(self_training.generate(SEEDS, SETTINGS, writer, 7))
    plain = ScriptedWriter(on_text(lambda _: ("A sauce.", True, None)))
    self_training.generate(SEEDS, SETTINGS.model_copy(update={"shots": None}), plain, 7)
    found = shots(SEEDS.to_dicts(), 2, 7)
    for place, prompt in enumerate(writer.asked[0][0]):
        alone, shown = plain.asked[0][0][place], found[SEEDS["id"][place]]
        assert prompt.messages == (*turns(shown), *alone.messages)
        assert prompt.seed == alone.seed
        assert [role for role, _ in prompt.messages] == ["user", "assistant", "user", "assistant", "user"]
        assert edges_of(result, result.kept["id"][place]) == [
            (SEEDS["id"][place], "instruction"),
            *((one["id"], "example") for one in shown),
            (call_of(prompt), "call"),
        ]


def test_a_base_model_reads_them_in_the_plain_template(tiny_model: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    tokenizer.chat_template = PLAIN
    messages = [
        {"role": role, "content": text}
        for role, text in (*turns([task(1), {**task(2), "input": "Two."}]), ("user", "What is 3?"))
    ]
    assert PromptTokens(tokenizer).written(messages) == (
        "<s>User: What is 1?\nAssistant: A number: 1.</s>\n"
        "User: What is 2?\n\nTwo.\nAssistant: A number: 2.</s>\n"
        "User: What is 3?\nAssistant:"
    )


def test_without_shots_nothing_is_another_and_with_them_the_response_comes_from_responses_too() -> None:
    def raw(**more: Any) -> Any:
        values = put(starter(), "generation.self_training", starter()["generation"]["self_training"] | more)
        return next(step for step in steps(parsed(values)) if step.asset == "raw_self_training")

    assert "shots" not in raw().slice["generation.self_training"]
    assert raw(shots=3).slice["generation.self_training"]["shots"] == 3
    said = ("seed_tasks", "response")
    assert [said in raw().columns[column] for column in ("id", "response")] == [False, False]
    assert [said in raw(shots=3).columns[column] for column in ("id", "response")] == [True, True]
