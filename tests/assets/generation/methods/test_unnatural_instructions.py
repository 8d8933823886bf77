"""Unnatural Instructions: the model may format its task in many ways, and each must be read. Neither a repetition nor a
copy may become a pair."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.generation.methods import unnatural_instructions
from assets.generation.methods.unnatural_instructions import TaskSampling, UnnaturalInstructions, fourth_task, task_of
from assets.recipe.parts import SamplingPart
from resources.models.calls import Prompt, Sampling
from tests.support.scripted import ScriptedWriter, call_of
from warehouse.core.identity import digest

SETTINGS = UnnaturalInstructions(
    calls=5,
    task=TaskSampling(max_new_tokens=64),
    response=SamplingPart(max_new_tokens=64),
)
HUMAN = [("How do I make Pesto?", ""), ("Translate.", "Ciao."), ("What is rye?", ""), ("Who was Ada?", "")]
SEEDS = pl.DataFrame([{"id": digest(text), "instruction": text, "input": input_} for text, input_ in HUMAN])
Reply = tuple[str, bool, str | None]
ANSWER: Reply = ("The Bisagno.", True, None)
WRITTEN: list[Reply] = [
    (" Name the river.\nInput: It flows through Genoa.\n\nExample 5\nInstruction: More", True, None),
    ("\n\nInput: None.", True, None),
    ("Translate.\ninput: ciao", True, None),
    ("name the river\nInput: it flows through genoa", True, None),
    ("Describe at length the", False, None),
]


def writer(replies: list[Reply], response: Reply = ANSWER, other: str = "Which river?") -> ScriptedWriter:
    tasks = iter(replies)

    def script(prompt: Prompt) -> Reply:
        if prompt.text:
            return next(tasks)
        return (other, True, None) if prompt.messages[0][1].startswith("Say this") else response

    return ScriptedWriter(script)


def test_the_prompt_shows_three_tasks_and_opens_the_fourth() -> None:
    shown = [{"instruction": text, "input": input_} for text, input_ in HUMAN[:3]]
    assert fourth_task(shown, 1).text == (
        "Example 1\nInstruction: How do I make Pesto?\nInput: None.\n\n"
        "Example 2\nInstruction: Translate.\nInput: Ciao.\n\n"
        "Example 3\nInstruction: What is rye?\nInput: None.\n\n"
        "Example 4\nInstruction:"
    )


def test_an_example_of_several_lines_is_shown_on_one() -> None:
    shown = [
        {"instruction": "Translate\n\nthis.", "input": "Ciao,\nGenoa."},
        {"instruction": "What is rye?", "input": "\n"},
    ]
    assert fourth_task(shown, 1).text == (
        "Example 1\nInstruction: Translate this.\nInput: Ciao, Genoa.\n\n"
        "Example 2\nInstruction: What is rye?\nInput: None.\n\n"
        "Example 3\nInstruction:"
    )


@pytest.mark.parametrize(
    ("text", "task"),
    [
        (" Name it.\nInput: A river.", ("Name it.", "A river.")),
        ("Name it.\nInput: None.", ("Name it.", "")),
        ("Name it.\nINPUT : n/a", ("Name it.", "")),
        ("Name it.", ("Name it.", "")),
        ("Name\nit.\nInput: A\nriver.\nExample 5\nInstruction: x", ("Name it.", "A\nriver.")),
        ("Input: A river.", ("", "A river.")),
        ("", ("", "")),
    ],
)
def test_a_task_is_read_in_every_format(text: str, task: tuple[str, str]) -> None:
    assert task_of(text) == task


def test_every_task_gets_its_outcome_and_the_kept_one_its_answer() -> None:
    scripted = writer(WRITTEN)
    result = unnatural_instructions.generate(SEEDS, SETTINGS, scripted, 7)
    assert result.kept.drop("id").rows() == [
        ("unnatural_instructions", "", "Name the river.", "It flows through Genoa.", "The Bisagno."),
    ]
    assert result.counts() == {
        ("kept", ""): 1,
        ("rejected", "no instruction"): 1,
        ("rejected", "repeated task"): 2,
        ("rejected", "task cut off"): 1,
    }
    (tasks, how), (answers, greedy), (none, _) = scripted.asked
    assert (how, greedy, none) == (Sampling(64, 1.0, 0.99, ("\nExample ", "\n\n")), Sampling(64), [])
    of_kept = result.edges.filter(pl.col("child") == result.kept["id"][0]).select("parent", "role").rows()
    assert [role for _, role in of_kept] == ["example"] * 3 + ["task", "call"]
    assert of_kept[3:] == [(call_of(tasks[0]), "task"), (call_of(answers[0]), "call")]


def test_a_paraphrase_keeps_input_and_response_and_a_repeated_one_is_dropped() -> None:
    wanted = SETTINGS.model_copy(update={"paraphrases": 2})
    result = unnatural_instructions.generate(SEEDS, wanted, writer(WRITTEN), 7)
    assert result.kept.select("instruction", "input", "response").rows() == [
        ("Name the river.", "It flows through Genoa.", "The Bisagno."),
        ("Which river?", "It flows through Genoa.", "The Bisagno."),
    ]
    assert result.counts()[("rejected", "repeated paraphrase")] == 1
    assert result.incoming == 5 + 2
    same = unnatural_instructions.generate(SEEDS, wanted, writer(WRITTEN, other="name the RIVER"), 7)
    assert same.counts()[("rejected", "repeated paraphrase")] == 2


def test_a_paraphrase_that_equals_another_task_is_dropped() -> None:
    wanted = SETTINGS.model_copy(update={"calls": 2, "paraphrases": 1})
    replies: list[Reply] = [("Name the river.", True, None), ("Name the hill.", True, None)]
    for other in ("Name the hill", "What is rye?"):
        result = unnatural_instructions.generate(SEEDS, wanted, writer(replies, other=other), 7)
        assert result.kept["instruction"].to_list() == ["Name the river.", "Name the hill."]
        assert result.counts()[("rejected", "repeated paraphrase")] == 2
    fresh = unnatural_instructions.generate(SEEDS, wanted, writer(replies, other="Which one?"), 7)
    assert fresh.kept["instruction"].to_list() == ["Name the river.", "Name the hill.", "Which one?"]


def test_a_task_without_an_answer_is_not_paraphrased() -> None:
    wanted = SETTINGS.model_copy(update={"paraphrases": 2})
    result = unnatural_instructions.generate(SEEDS, wanted, writer(WRITTEN, ("", True, "broken")), 7)
    assert (len(result.kept), result.counts()[("failed", "broken")], result.incoming) == (0, 1, 5)


@settings(max_examples=100)
@given(
    replies=st.lists(
        st.tuples(st.text(max_size=30), st.booleans(), st.none() | st.just("broken")), min_size=5, max_size=5
    ),
    other=st.text(max_size=10),
)
def test_any_text_gives_one_decision(replies: list[Reply], other: str) -> None:
    wanted = SETTINGS.model_copy(update={"paraphrases": 1})
    result = unnatural_instructions.generate(SEEDS, wanted, writer(replies, other=other), 7)
    assert len(result.decisions) == result.incoming
