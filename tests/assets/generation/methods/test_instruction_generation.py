"""Instruction generation (arXiv 2308.12711, section 2), and extract-then-generate, which builds on it: every
instruction that the backward model writes must give exactly one decision, with the parents that an auditor needs."""

from __future__ import annotations

import json
from collections.abc import Sequence

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.generation.methods import instruction_generation
from assets.generation.methods.instruction_generation import InstructionGeneration, Text
from assets.planning.graph import steps
from assets.recipe.parts import SamplingPart
from assets.training.backward_model import flipped
from assets.training.shortening import examples_of
from resources.models.calls import Prompt, Sampling
from tests.support.recipes import parsed, starter
from tests.support.results import SEEDS, WORDLESS, edges_of, outcomes
from tests.support.scripted import Refusal, ScriptedWriter, call_of, on_text
from warehouse.core.errors import UserError
from warehouse.core.identity import digest, row_seed
from warehouse.results.result import Result

INSTRUCTION_GENERATION = InstructionGeneration(instruction=SamplingPart(max_new_tokens=32, temperature=0.7, top_p=0.9))


DOCUMENT, OTHER, BACKWARD = digest("document"), digest("other"), digest("backward model")


def instructions(asked: str) -> tuple[str, bool, str | None]:
    shown, question = asked.split("\n\n")
    assert question == "Which instruction does this text answer?"
    return {
        "Pesto is a sauce.": ('Instruction: "What is Pesto?"', True, None),
        "Rye is a grain.": (" ", True, None),
        "Genoa is a port.": ("What is the long", False, None),
        "Ada was a writer.": ("", True, "out of memory"),
        "Pesto, sauce": ("What is Pesto?", True, None),
    }[shown]


def generate(
    texts: Sequence[Text], writer: ScriptedWriter, method: str = "instruction_generation", seed: int = 7
) -> Result:
    return instruction_generation.generate(texts, method, INSTRUCTION_GENERATION, writer, writer, seed)


def human(*texts: str) -> list[Text]:
    return [
        Text(text, text, ((digest(["document", text]), "document"), (BACKWARD, "backward_model"))) for text in texts
    ]


TEXTS = human("Pesto is a sauce.", "Rye is a grain.", "Genoa is a port.", "Ada was a writer.")


def test_every_instruction_that_is_generated_gets_its_outcome() -> None:
    result = generate(TEXTS, ScriptedWriter(on_text(instructions)))
    columns = ["method", "level", "instruction", "input", "response"]
    assert result.kept.select(columns).rows() == [
        ("instruction_generation", "", "What is Pesto?", "", "Pesto is a sauce.")
    ]
    assert outcomes(result) == [
        ("kept", None),
        ("rejected", "no instruction"),
        ("rejected", "instruction cut off"),
        ("failed", "out of memory"),
    ]
    dropped = [json.loads(content) for content in result.dropped["content"]]
    assert [(row["instruction"], row["response"]) for row in dropped] == [
        ("", "Rye is a grain."),
        ("What is the long", "Genoa is a port."),
        ("", "Ada was a writer."),
    ]


def test_an_instruction_is_one_line_with_the_sampling_of_the_recipe() -> None:
    writer = ScriptedWriter(on_text(instructions))
    generate(TEXTS, writer)
    prompts, sampling = writer.asked[0]
    assert len(writer.asked) == 1
    assert sampling == Sampling(max_new_tokens=32, temperature=0.7, top_p=0.9, stop=("\n",))
    assert [prompt.seed for prompt in prompts] == [row_seed(7, "instruction_generation", text.shown) for text in TEXTS]


def test_a_generated_pair_descends_from_its_document_the_backward_model_and_the_call() -> None:
    writer = ScriptedWriter(on_text(instructions))
    result = generate(TEXTS, writer)
    prompts = writer.asked[0][0]
    for number, child in enumerate(result.decisions["record"]):
        assert edges_of(result, child) == [
            (digest(["document", TEXTS[number].shown]), "document"),
            (BACKWARD, "backward_model"),
            (call_of(prompts[number]), "call"),
        ]


def test_a_fragment_is_shown_but_the_response_is_the_whole_document() -> None:
    parents = ((digest("fragment"), "fragment"), (DOCUMENT, "document"), (BACKWARD, "backward_model"))
    text = Text("Pesto, sauce", "Pesto is a sauce. It comes from Genoa.", parents, level="keywords")
    writer = ScriptedWriter(on_text(instructions))
    result = generate([text], writer, "extract_then_generate")
    prompt = writer.asked[0][0][0]
    assert prompt == Prompt(
        messages=(("user", "Pesto, sauce\n\nWhich instruction does this text answer?"),),
        seed=row_seed(7, "extract_then_generate", "Pesto, sauce"),
    )
    columns = ["method", "level", "instruction", "input", "response"]
    assert result.kept.select(columns).rows() == [
        (
            "extract_then_generate",
            "keywords",
            "What is Pesto?",
            "",
            "Pesto is a sauce. It comes from Genoa.",
        )
    ]
    assert edges_of(result, result.kept["id"][0]) == [*parents, (call_of(prompt), "call")]


def test_two_documents_with_equal_fragments_give_two_pairs() -> None:
    texts = [Text("Pesto, sauce", f"Pesto of {name}.", ((name, "document"),), "keywords") for name in (DOCUMENT, OTHER)]
    result = generate(texts, ScriptedWriter(on_text(instructions)), "extract_then_generate")
    assert outcomes(result) == [("kept", None), ("kept", None)]
    assert result.kept["id"].n_unique() == 2


def test_the_same_text_twice_is_a_duplicate_of_the_first() -> None:
    result = generate([TEXTS[0], TEXTS[0]], ScriptedWriter(on_text(instructions)))
    first = result.kept["id"].to_list()
    assert outcomes(result) == [("kept", None), ("duplicate", "same content")]
    assert result.decisions["duplicate_of"].to_list() == [None, *first]


def test_no_texts_give_no_pairs() -> None:
    result = generate([], ScriptedWriter(on_text(instructions)))
    assert (len(result.kept), len(result.decisions), len(result.edges)) == (0, 0, 0)


@settings(deadline=None)
@given(order=st.permutations(range(len(TEXTS))), seed=st.integers(0, 2**40))
def test_the_order_of_documents_changes_no_seed_and_no_id(order: list[int], seed: int) -> None:
    writer, shuffled = ScriptedWriter(on_text(instructions)), ScriptedWriter(on_text(instructions))
    result = generate(TEXTS, writer, seed=seed)
    other = generate([TEXTS[index] for index in order], shuffled, seed=seed)
    assert set(writer.asked[0][0]) == set(shuffled.asked[0][0])
    assert set(result.decisions.rows()) == set(other.decisions.rows())


@pytest.mark.parametrize("text", WORDLESS)
def test_an_instruction_without_a_letter_or_digit_is_empty(text: str) -> None:
    assert outcomes(generate(TEXTS[:1], ScriptedWriter(lambda _: (text, True, None)))) == [
        ("rejected", "no instruction")
    ]


def test_a_prompt_that_is_too_long_is_rejected_and_not_failed() -> None:
    refusal = Refusal("the text has 9000 tokens, at most 2016 fit")
    writer = ScriptedWriter(lambda _: ("", False, refusal))
    assert outcomes(generate(TEXTS[:1], writer)) == [("rejected", refusal)]


def test_seed_tasks_are_flipped_except_those_with_an_input() -> None:
    asked = Prompt.ask("A human wrote this.\n\nWhich instruction does this text answer?")
    found = flipped(SEEDS)
    assert examples_of([text for _, text, _ in found], [instruction for *_, instruction in found]) == [
        (asked, "How do I make Pesto?"),
        (asked, "What is rye?"),
        (asked, "Who was Ada Lovelace?"),
    ]


def test_the_backward_model_needs_a_seed_task_without_an_input() -> None:
    (step,) = [one for one in steps(parsed(starter())) if one.asset == "backward_model"]
    with pytest.raises(UserError) as refused:
        step.build(None, seed_tasks=SEEDS.with_columns(input=pl.lit("a text")))
    assert str(refused.value) == (
        f"the backward model has no training examples: all {len(SEEDS)} seed tasks have an input; add a selection to "
        "seed_tasks whose fields have no input"
    )


def test_the_backward_model_gets_the_prompt_that_it_was_trained_on() -> None:
    writer = ScriptedWriter(on_text(instructions))
    generate([Text("Pesto is a sauce.", "Pesto is a sauce.", ())], writer)
    trained = flipped(SEEDS.head(1).with_columns(response=pl.lit("Pesto is a sauce.")))[0][1]
    ((prompt, _),) = examples_of([trained], ["What is Pesto?"])
    assert writer.asked[0][0][0].messages == prompt.messages
