"""An instruction is asked for up to the end of its line, and some models write a preamble into that line. Then the
instruction would be lost, so these tests check what is asked once more, and what is then read."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import pytest

from assets.generation.methods import reverse_instructions
from assets.generation.methods.reverse_instructions import ReverseInstructions
from assets.prompting.absent import given
from assets.prompting.one_line import one_line
from assets.prompting.parsing import instruction_of
from assets.recipe.parts import SamplingPart
from resources.models.calls import Completion, Prompt, Sampling
from warehouse.core.identity import digest

PREAMBLE = "Sure! Here is the instruction:\n\nExplain tea.\nThank you."


class Model:
    """Writes the same text for every prompt, up to the first stop string; `room` are the characters it may write."""

    def __init__(self, text: str, room: int = 1000) -> None:
        self.text, self.room, self.asked = text, room, list[tuple[int, tuple[str, ...]]]()

    def complete(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        self.asked.append((len(prompts), sampling.stop))
        text = self.text[: self.room]
        places = [text.index(stop) for stop in sampling.stop if stop in text]
        whole = bool(places) or len(self.text) <= self.room
        text = text[: min(places, default=len(text))]
        return [Completion(text, whole, digest([prompt.text, sampling.stop])) for prompt in prompts]


PROMPTS = [Prompt(text="a"), Prompt(text="b")]


def test_a_line_that_is_more_than_a_wrapper_is_asked_for_once() -> None:
    model = Model("Instruction: Explain tea.\nMore.")
    found = one_line(model, PROMPTS, Sampling(8))
    assert [(one.text, one.complete) for one in found] == [("Instruction: Explain tea.", True)] * 2
    assert model.asked == [(2, ("\n",))]


def test_after_a_wrapper_the_line_that_follows_it_is_read() -> None:
    model = Model(PREAMBLE)
    found = one_line(model, PROMPTS, Sampling(8))
    assert [(instruction_of(one.text), one.complete, one.call) for one in found] == [
        ("Explain tea.", True, digest([prompt.text, ()])) for prompt in PROMPTS
    ]
    assert model.asked == [(2, ("\n",)), (2, ())]


@pytest.mark.parametrize(
    ("room", "text", "complete"),
    [(len("Sure! Here is the instruction:\n\nExpl"), "Expl", False), (len(PREAMBLE) - 5, "Explain tea.", True)],
)
def test_only_a_line_that_was_itself_cut_off_is_not_complete(room: int, text: str, complete: bool) -> None:
    (found, _) = one_line(Model(PREAMBLE, room), PROMPTS, Sampling(8))
    assert (instruction_of(found.text), found.complete) == (text, complete)


@pytest.mark.parametrize("text", ["", " \n", "\nExplain tea."])
def test_a_blank_line_is_no_wrapper_and_is_asked_for_once(text: str) -> None:
    model = Model(text)
    one_line(model, PROMPTS, Sampling(8))
    assert len(model.asked) == 1


def test_a_method_gets_the_instruction_behind_the_preamble() -> None:
    documents = pl.DataFrame([{"id": digest("d"), "text": "Tea is a drink."}])
    settings = ReverseInstructions(instruction=SamplingPart(max_new_tokens=8))
    result = reverse_instructions.generate(documents, settings, Model(PREAMBLE), 7)
    assert result.kept["instruction"].to_list() == ["Explain tea."]
    assert result.incoming == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "N/A",
        "n/a.",
        "None",
        "none.",
        "<noinput>",
        "<No input>",
        "(No input)",
        "No input needed.",
        "**None**",
        "…",
    ],
)
def test_what_says_that_there_is_nothing_is_nothing(text: str) -> None:
    assert given(text) == ""


@pytest.mark.parametrize("text", ["NA", "null", "!", "?", "*", "None of these", "no", "0", "[]", "input", "Nil or not"])
def test_an_input_that_is_only_short_stays(text: str) -> None:
    assert given(f" {text}\n") == text
