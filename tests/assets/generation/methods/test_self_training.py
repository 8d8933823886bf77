"""Self-training (arXiv 2308.12711, section 2): every answer of the model must give exactly one decision, with the
parents that an auditor needs."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.generation.methods import self_training
from assets.generation.methods.self_training import SelfTraining
from assets.recipe.parts import SamplingPart
from resources.models.calls import Prompt, Sampling
from tests.support.results import SEEDS, WORDLESS, edges_of, outcomes
from tests.support.scripted import Refusal, ScriptedWriter, call_of, on_text
from warehouse.core.identity import record_id, row_seed
from warehouse.schema.records import Pair

SAMPLING = SamplingPart(max_new_tokens=32, temperature=0.7, top_p=0.9)
SELF_TRAINING = SelfTraining(count=10, response=SAMPLING)


def answers(question: str) -> tuple[str, bool, str | None]:
    return {
        "How do I make Pesto?": ("  Crush the basil. Add oil. ", True, None),
        "What is rye?": ("Rye is a grain. It is gro", False, None),
        "Translate.\n\nCiao.": ("Hello to y", False, None),
        "Who was Ada Lovelace?": ("", True, "the text has 9000 tokens, at most 2016 fit"),
    }[question]


def test_every_answer_of_self_training_gets_its_outcome() -> None:
    result = self_training.generate(SEEDS, SELF_TRAINING, ScriptedWriter(on_text(answers)), 7)
    columns = ["method", "level", "instruction", "input", "response"]
    assert result.model is Pair
    assert result.kept.select(columns).rows() == [
        ("self_training", "", "How do I make Pesto?", "", "Crush the basil. Add oil."),
        ("self_training", "", "What is rye?", "", "Rye is a grain."),
    ]
    assert outcomes(result) == [
        ("kept", None),
        ("kept", None),
        ("rejected", "no whole sentence"),
        ("failed", "the text has 9000 tokens, at most 2016 fit"),
    ]
    assert [json.loads(content) for content in result.dropped["content"]] == [
        {
            "method": "self_training",
            "level": "",
            "instruction": "Translate.",
            "input": "Ciao.",
            "response": "",
        },
        {
            "method": "self_training",
            "level": "",
            "instruction": "Who was Ada Lovelace?",
            "input": "",
            "response": "",
        },
    ]


@pytest.mark.parametrize("text", WORDLESS)
def test_an_answer_without_a_letter_or_digit_is_empty(text: str) -> None:
    result = self_training.generate(SEEDS.head(1), SELF_TRAINING, ScriptedWriter(lambda _: (text, True, None)), 7)
    assert outcomes(result) == [("rejected", "no whole sentence")]


@pytest.mark.parametrize(("text", "kept"), [("42", "42"), ("Да", "Да"), ("中文。", "中文。")])
def test_a_letter_or_digit_of_any_script_is_an_answer(text: str, kept: str) -> None:
    result = self_training.generate(SEEDS.head(1), SELF_TRAINING, ScriptedWriter(lambda _: (text, True, None)), 7)
    assert result.kept["response"].to_list() == [kept]


def test_a_pair_of_self_training_descends_from_its_instruction_and_the_call() -> None:
    writer = ScriptedWriter(on_text(answers))
    result = self_training.generate(SEEDS, SELF_TRAINING, writer, 7)
    (prompts, _), *rest = writer.asked
    assert rest == []
    for number, child in enumerate(result.decisions["record"]):
        assert edges_of(result, child) == [
            (SEEDS["id"][number], "instruction"),
            (call_of(prompts[number]), "call"),
        ]


def test_the_id_of_a_pair_hashes_its_content_and_its_parents() -> None:
    writer = ScriptedWriter(on_text(answers))
    result = self_training.generate(SEEDS.head(1), SELF_TRAINING, writer, 7)
    content = {
        "method": "self_training",
        "level": "",
        "instruction": "How do I make Pesto?",
        "input": "",
        "response": "Crush the basil. Add oil.",
    }
    parents = [(SEEDS["id"][0], "instruction"), (call_of(writer.asked[0][0][0]), "call")]
    assert result.kept["id"].to_list() == [record_id("pair", content, parents)]


def test_self_training_asks_the_instruction_alone_with_the_sampling_of_the_recipe() -> None:
    writer = ScriptedWriter(on_text(answers))
    self_training.generate(SEEDS, SELF_TRAINING, writer, 7)
    prompts, sampling = writer.asked[0]
    assert sampling == Sampling(max_new_tokens=32, temperature=0.7, top_p=0.9)
    assert prompts[2] == Prompt(
        messages=(("user", "Translate.\n\nCiao."),),
        seed=row_seed(7, "self_training", "Translate.", "Ciao."),
    )


def test_self_training_asks_for_the_first_count_only() -> None:
    writer = ScriptedWriter(on_text(answers))
    result = self_training.generate(SEEDS, SelfTraining(count=2, response=SAMPLING), writer, 7)
    assert outcomes(result) == [("kept", None), ("kept", None)]
    assert len(writer.asked[0][0]) == 2


def test_two_runs_of_self_training_are_equal() -> None:
    one, other = (self_training.generate(SEEDS, SELF_TRAINING, ScriptedWriter(on_text(answers)), 7) for _ in range(2))
    assert one.decisions.equals(other.decisions)
    assert one.kept.equals(other.kept)
    assert one.edges.equals(other.edges)


@settings(deadline=None)
@given(order=st.permutations(range(len(SEEDS))), seed=st.integers(0, 2**40))
def test_the_order_of_seed_tasks_changes_no_seed_and_no_id(order: list[int], seed: int) -> None:
    writer, shuffled = ScriptedWriter(on_text(answers)), ScriptedWriter(on_text(answers))
    result = self_training.generate(SEEDS, SELF_TRAINING, writer, seed)
    other = self_training.generate(SEEDS[order], SELF_TRAINING, shuffled, seed)
    assert set(writer.asked[0][0]) == set(shuffled.asked[0][0])
    assert set(result.decisions.rows()) == set(other.decisions.rows())


def test_another_seed_in_the_recipe_gives_every_row_another_seed() -> None:
    one, other = ScriptedWriter(on_text(answers)), ScriptedWriter(on_text(answers))
    self_training.generate(SEEDS, SELF_TRAINING, one, 7)
    self_training.generate(SEEDS, SELF_TRAINING, other, 8)
    assert {prompt.seed for prompt in one.asked[0][0]}.isdisjoint(prompt.seed for prompt in other.asked[0][0])


def test_a_prompt_that_is_too_long_is_rejected_and_not_failed() -> None:
    refusal = Refusal("the text has 9000 tokens, at most 2016 fit")
    writer = ScriptedWriter(lambda _: ("", False, refusal))
    assert outcomes(self_training.generate(SEEDS.head(1), SELF_TRAINING, writer, 7)) == [("rejected", refusal)]
