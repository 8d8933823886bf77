"""Magpie: the instruction that a chat model writes is asked unchanged, and whatever the model writes gives one
decision."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from assets.generation.methods import magpie
from assets.generation.methods.magpie import Magpie, MagpieSampling
from assets.recipe.parts import SamplingPart
from resources.models.calls import Prompt, Sampling
from tests.support.scripted import ScriptedWriter, call_of
from warehouse.core.identity import row_seed

USER = "<|im_start|>user\n"
SETTINGS = Magpie(
    count=6,
    pre_query=USER,
    stop=("<|im_end|>",),
    instruction=MagpieSampling(max_new_tokens=32),
    response=SamplingPart(max_new_tokens=64),
)
WRITTEN: list[tuple[str, bool, str | None]] = [
    (" How do I make Gnocchi?\n", True, None),
    ("", True, None),
    ("Explain at length how the", False, None),
    ("how do I make gnocchi", True, None),
    ("", True, "out of memory"),
    ("Who was Ada Lovelace?", True, None),
]
OPENED = [Prompt(text=USER, seed=row_seed(7, "magpie", number)) for number in range(6)]


def script(prompt: Prompt) -> tuple[str, bool, str | None]:
    if prompt.text:
        return WRITTEN[OPENED.index(prompt)]
    replies = {"How do I make Gnocchi?": "Boil potatoes. Roll them.", "Who was Ada Lovelace?": "A mathe"}
    question = prompt.messages[-1][1]
    return replies[question], question.startswith("How"), None


def test_every_instruction_gets_its_outcome_and_the_kept_one_its_answer() -> None:
    writer = ScriptedWriter(script)
    result = magpie.generate(SETTINGS, writer, 7)
    assert result.kept.drop("id").rows() == [
        ("magpie", "", "How do I make Gnocchi?", "", "Boil potatoes. Roll them."),
    ]
    dropped = {json.loads(content)["instruction"] for content in result.dropped["content"]}
    assert dropped == {"", "Explain at length how the", "how do I make gnocchi", "Who was Ada Lovelace?"}
    assert result.counts() == {
        ("kept", ""): 1,
        ("rejected", "no instruction"): 1,
        ("rejected", "instruction cut off"): 1,
        ("rejected", "repeated instruction"): 1,
        ("failed", "out of memory"): 1,
        ("rejected", "no whole sentence"): 1,
    }
    assert result.incoming == 6
    (opened, how), (asked, greedy) = writer.asked
    assert (opened, how, greedy) == (OPENED, Sampling(32, 1.0, 1.0, ("<|im_end|>",)), Sampling(64))
    parents = [(call_of(OPENED[0]), "instruction"), (call_of(asked[0]), "call")]
    kept = result.kept["id"][0]
    assert [tuple(edge[1:]) for edge in result.edges.rows() if edge[0] == kept] == parents


@settings(max_examples=100)
@given(st.lists(st.tuples(st.text(max_size=20), st.booleans(), st.none() | st.just("broken")), min_size=6, max_size=6))
def test_any_text_gives_one_decision(written: list[tuple[str, bool, str | None]]) -> None:
    writer = ScriptedWriter(lambda prompt: written[OPENED.index(prompt)] if prompt.text else ("Yes.", True, None))
    result = magpie.generate(SETTINGS, writer, 7)
    assert len(result.decisions) == result.incoming == 6
    assert all(text.strip() for text in result.kept["instruction"])
