"""Evol-Instruct: each published elimination rule must drop its own example, and the next round must start from the old
instruction where the new one was dropped."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.generation.methods import evol_instruct
from assets.generation.methods.evol_instruct import OPERATIONS, EvolInstruct, judged_equal
from assets.recipe.parts import SamplingPart
from resources.models.calls import Prompt
from tests.support.scripted import ScriptedWriter, call_of
from warehouse.core.identity import digest
from warehouse.results.result import Result

SAMPLING = SamplingPart(max_new_tokens=64, temperature=0.7, top_p=0.9)
SETTINGS = EvolInstruct(count=1, rounds=1, instruction=SAMPLING, response=SAMPLING)
PESTO, HARDER = "How do I make Pesto?", "How do I make Pesto without cheese?"
GOOD = "Crush basil with nuts and oil."
Reply = tuple[str, bool, str | None]


def seeds(*instructions: str) -> pl.DataFrame:
    return pl.DataFrame([{"id": digest(text), "instruction": text, "input": ""} for text in instructions])


def kind(prompt: Prompt) -> str:
    text = prompt.messages[0][1]
    return "evolve" if text.startswith("Here is") else "judge" if text.startswith("First prompt") else "answer"


def run(wanted: EvolInstruct = SETTINGS, **replies: Reply) -> tuple[Result, ScriptedWriter]:
    default: dict[str, Reply] = {
        "evolve": (HARDER, True, None),
        "judge": ("Not Equal", True, None),
        "answer": (GOOD, True, None),
    }
    writer = ScriptedWriter(lambda prompt: (default | replies)[kind(prompt)])
    return evol_instruct.generate(seeds(PESTO), wanted, writer, 7), writer


def test_an_evolved_instruction_is_kept_with_its_answer_and_all_its_parents() -> None:
    result, writer = run()
    assert result.kept.drop("id").rows() == [("evol_instruct", "", HARDER, "", GOOD)]
    (evolve,), (judge,), (answer,) = (prompts for prompts, _ in writer.asked)
    assert set(result.edges.select("parent", "role").rows()) == {
        (digest(PESTO), "seed_task"),
        (call_of(evolve), "evolution"),
        (call_of(judge), "judgement"),
        (call_of(answer), "call"),
    }


@pytest.mark.parametrize(
    ("replies", "outcome"),
    [
        ({"judge": ("Equal", True, None)}, ("rejected", "judged equal")),
        ({"evolve": (PESTO, True, None)}, ("rejected", "unchanged")),
        ({"answer": ("Sorry, I cannot help with that.", True, None)}, ("rejected", "sorry in a short response")),
        ({"answer": ("It is what it is, and tasty.", True, None)}, ("kept", "")),
        ({"answer": ("It is what it was.", True, None)}, ("rejected", "response has only stop words")),
        ({"answer": ("...!", True, None)}, ("rejected", "response has only stop words")),
        ({"evolve": ("The given prompt asks for Pesto.", True, None)}, ("rejected", "words of the prompt leaked")),
        ({"evolve": ("#Rewritten Prompt#: Pesto?", True, None)}, ("rejected", "words of the prompt leaked")),
        # Its own words are no words of the prompt.
        ({"evolve": ("What changed in the new version of Firefox?", True, None)}, ("kept", "")),
        ({"evolve": ("Write an original prompt for a creative writing class.", True, None)}, ("kept", "")),
        ({"evolve": ("**New prompt:** Pesto?", True, None)}, ("rejected", "words of the prompt leaked")),
        # What SmolLM2 wrote.
        (
            {"evolve": ("Here's a revised version of the original prompt: Pesto?", True, None)},
            ("rejected", "words of the prompt leaked"),
        ),
        ({"evolve": ("", True, None)}, ("rejected", "no instruction")),
        ({"evolve": ("How do I make Pesto with", False, None)}, ("rejected", "instruction cut off")),
        ({"answer": ("Crush the", False, None)}, ("rejected", "no whole sentence")),
        *((({name: ("", True, "broken")}), ("failed", "broken")) for name in ("evolve", "judge", "answer")),
    ],
)
def test_each_rule_has_its_reason(replies: dict[str, Reply], outcome: tuple[str, str]) -> None:
    result, _ = run(**replies)
    assert result.counts() == {outcome: 1}


@pytest.mark.parametrize(("words", "outcome"), [(79, ("rejected", "sorry in a short response")), (80, ("kept", ""))])
def test_sorry_in_a_response_of_80_words_is_allowed(words: int, outcome: tuple[str, str]) -> None:
    result, _ = run(answer=(f"Sorry, {'basil ' * (words - 2)}oil.", True, None))
    assert result.counts() == {outcome: 1}


def test_the_next_round_starts_from_the_old_instruction_only_where_evolution_failed() -> None:
    twice = SETTINGS.model_copy(update={"rounds": 2})
    failed, writer = run(twice, judge=("equal", True, None))
    asked = [prompts[0].messages[0][1] for prompts, _ in writer.asked if prompts and kind(prompts[0]) == "evolve"]
    assert [PESTO in text and HARDER not in text for text in asked] == [True, True]
    assert failed.incoming == 2
    _, writer = run(twice)
    asked = [prompts[0].messages[0][1] for prompts, _ in writer.asked if prompts and kind(prompts[0]) == "evolve"]
    assert [HARDER in text for text in asked] == [False, True]


def test_without_a_judge_the_model_judges_nothing() -> None:
    _, writer = run(SETTINGS.model_copy(update={"judge": False}))
    assert [kind(prompts[0]) for prompts, _ in writer.asked] == ["evolve", "answer"]


def test_every_operation_is_used_and_a_single_one_always() -> None:
    many = seeds(*(f"What is number {number}?" for number in range(60)))
    writer = ScriptedWriter(lambda _: ("", True, None))
    evol_instruct.generate(many, SETTINGS.model_copy(update={"count": 60}), writer, 7)
    asked = [prompt.messages[0][1] for prompt in writer.asked[0][0]]
    assert min(sum(words in text for text in asked) for words in OPERATIONS.values()) >= 4
    alone = SETTINGS.model_copy(update={"count": 60, "operations": ("breadth",)})
    writer = ScriptedWriter(lambda _: ("", True, None))
    evol_instruct.generate(many, alone, writer, 7)
    assert all(OPERATIONS["breadth"] in prompt.messages[0][1] for prompt in writer.asked[0][0])


def test_a_seed_task_with_an_input_is_left_out() -> None:
    rows = seeds(PESTO).with_columns(input=pl.lit("basil"))
    assert evol_instruct.generate(rows, SETTINGS, ScriptedWriter(lambda _: ("", True, None)), 7).incoming == 0


@pytest.mark.parametrize(
    ("text", "equal"),
    [
        ("Equal", True),
        ("They are equal.", True),
        ("Not Equal", False),
        ("not equal, not equal", False),
        ("Different.", False),
        ("unequal", False),
        ("**Not** Equal", False),
        ("Not-Equal", False),
        ("They aren't equal.", False),
        ("Not exactly equal", False),
        ("No, not really equal", False),
        ("The same.", True),
        ("Equal, not different.", True),
        ("Yes.", True),
        ("Yes, they do.", True),
        ("**Yes**, both ask for Pesto", True),
        ("Yes, they are not different.", True),
        ("Yesterday they did", False),
        ("No.", False),
        ("Equal or Not Equal", False),
        ("Not Equal. Equal", False),
        ("Yes. Not Equal", False),
        ("They are not the same", False),
        ("There is no difference, both are equal.", True),
        ("The two prompts are identical.", True),
        ("They don't differ in any way.", True),
        ("They ask for the same thing, but not in the same depth", False),
        ("The same topic, with different constraints", False),
        ("Perhaps", False),
        ("", False),
    ],
)
def test_a_judgement_means_equal_if_it_says_so_and_nothing_else(text: str, equal: bool) -> None:
    assert judged_equal(text) is equal


@settings(max_examples=100)
@given(replies=st.lists(st.tuples(st.text(max_size=20), st.booleans(), st.none() | st.just("broken")), min_size=1))
def test_any_text_gives_one_decision_per_seed_and_round(replies: list[Reply]) -> None:
    turn = iter(range(10**6))
    writer = ScriptedWriter(lambda _: replies[next(turn) % len(replies)])
    wanted = SETTINGS.model_copy(update={"count": 3, "rounds": 3})
    result = evol_instruct.generate(seeds("What is rye?", PESTO, "Who is Ada?"), wanted, writer, 7)
    assert len(result.decisions) == result.incoming == 9
