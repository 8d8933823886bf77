"""Reverse instructions: the document alone picks one of three styles, the recipe sets the share of hints, and each
document gives one decision and stays unchanged."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from assets.generation.methods import reverse_instructions
from assets.generation.methods.reverse_instructions import PROMPTS, ReverseInstructions, Style, hint, style_of
from assets.recipe.parts import SamplingPart
from resources.models.calls import Prompt
from tests.support.scripted import ScriptedWriter, call_of, on_text
from warehouse.core.identity import digest

SAMPLING = SamplingPart(max_new_tokens=24, temperature=0.7, top_p=0.9)
SETTINGS = ReverseInstructions(instruction=SAMPLING)
STYLES = SETTINGS.styles


def documents(*texts: str) -> pl.DataFrame:
    return pl.DataFrame([{"id": digest(text), "source": "s", "title": "", "text": text} for text in texts])


TEXTS = [f"Pesto number {number} is a sauce. It comes from Genoa." for number in range(90)]


def test_each_style_has_its_own_prompt_and_about_as_many_documents() -> None:
    writer = ScriptedWriter(on_text(lambda _: ("Instruction: What is pesto?", True, None)))
    result = reverse_instructions.generate(documents(*TEXTS), SETTINGS, writer, 7)
    assert result.kept["instruction"].unique().to_list() == ["What is pesto?"]
    assert result.kept["response"].to_list() == TEXTS
    ((asked, sampling),) = writer.asked
    assert sampling.stop == ("\n",)
    styles = [style_of(text, STYLES, 7) for text in TEXTS]
    assert [prompt.messages[0][1] for prompt in asked] == [
        PROMPTS[style].format(text=text) for style, text in zip(styles, TEXTS, strict=True)
    ]
    assert min(styles.count(style) for style in STYLES) >= 20


@pytest.mark.parametrize("style", STYLES)
def test_a_single_style_is_used_for_all_documents(style: Style) -> None:
    assert {style_of(text, (style,), 7) for text in TEXTS} == {style}


def test_a_further_style_changes_only_the_documents_that_get_it() -> None:
    before = {text: style_of(text, ("instruction", "query"), 7) for text in TEXTS}
    assert all(style_of(text, STYLES, 7) in (style, "message") for text, style in before.items())


def test_every_completion_gets_its_outcome() -> None:
    replies: list[tuple[str, bool, str | None]] = [
        ("what is pesto", True, None),
        ("", True, None),
        ("what is a very", False, None),
        ("", True, "out of memory"),
    ]
    answers = iter(replies)
    writer = ScriptedWriter(lambda _: next(answers))
    result = reverse_instructions.generate(documents(*TEXTS[:4]), SETTINGS, writer, 7)
    assert result.counts() == {
        ("kept", ""): 1,
        ("rejected", "no instruction"): 1,
        ("rejected", "instruction cut off"): 1,
        ("failed", "out of memory"): 1,
    }
    prompt: Prompt = writer.asked[0][0][0]
    kept = result.edges.filter(pl.col("child") == result.kept["id"][0])
    assert kept.select("parent", "role").rows() == [(digest(TEXTS[0]), "document"), (call_of(prompt), "call")]


def test_the_share_of_hints_is_that_of_the_recipe() -> None:
    assert hint("One. Two. Three.") == "Respond in 3 sentences."
    assert hint("One alone.") == "Respond in 1 sentence."
    writer = ScriptedWriter(on_text(lambda _: ("What is pesto?", True, None)))
    hinted = {
        share: reverse_instructions.generate(
            documents(*TEXTS), SETTINGS.model_copy(update={"length_hints": share}), writer, 7
        ).kept["instruction"]
        for share in (0.0, 0.3, 1.0)
    }
    counts = {share: sum("2 sentences" in text for text in texts) for share, texts in hinted.items()}
    assert (counts[0.0], counts[1.0]) == (0, 90)
    assert 15 <= counts[0.3] <= 40


def test_a_hint_does_not_turn_an_empty_text_into_an_instruction() -> None:
    wanted = SETTINGS.model_copy(update={"length_hints": 1.0})
    writer = ScriptedWriter(on_text(lambda _: ("—", True, None)))
    result = reverse_instructions.generate(documents(TEXTS[0]), wanted, writer, 7)
    assert result.counts() == {("rejected", "no instruction"): 1}


def test_a_repeated_style_is_an_error() -> None:
    with pytest.raises(ValidationError, match="it must name each one once"):
        ReverseInstructions(styles=("query", "query"), instruction=SAMPLING)


@settings(max_examples=100)
@given(st.lists(st.tuples(st.text(max_size=20), st.booleans(), st.none() | st.just("broken")), min_size=3, max_size=3))
def test_any_text_gives_one_decision(written: list[tuple[str, bool, str | None]]) -> None:
    answers = iter(written)
    wanted = SETTINGS.model_copy(update={"length_hints": 0.5})
    result = reverse_instructions.generate(documents(*TEXTS[:3]), wanted, ScriptedWriter(lambda _: next(answers)), 7)
    assert len(result.decisions) == result.incoming == 3
    assert set(result.kept["response"]) <= set(TEXTS)
