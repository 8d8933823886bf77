"""Shortens the texts that a backward model reads in training, so that the instruction after each of them is learned.

Its prompt ends in a question after the text. A text that fills `max_tokens` would leave no room for the instruction; so
the end of the text is left out (our choice, since the paper publishes no such limit). Texts are not shortened when the
model writes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from assets.prompting.prompts import instruction_for
from resources.models.calls import Prompt
from warehouse.results.result import WARNINGS

Sizes = Callable[[Sequence[tuple[Prompt, str]]], Sequence[int]]
"""How many tokens each example (prompt, completion) has; nothing where this is not known."""
SHORTENED = "texts shortened to fit max_tokens"
"""The key of a version's notes for their number."""


def examples_of(texts: Sequence[str], instructions: Sequence[str]) -> list[tuple[Prompt, str]]:
    """What a backward model is trained on: (prompt with the text, instruction)."""
    return [(instruction_for(text), instruction) for text, instruction in zip(texts, instructions, strict=True)]


def shortened(
    texts: Sequence[str], instructions: Sequence[str], most: int, sizes: Sizes
) -> tuple[list[str], list[int]]:
    """The texts, each of them cut between words where the example of it and its instruction has more than `most`
    tokens, and the sizes of these examples. A text becomes empty where the instruction alone leaves no room. Where no
    sizes are known, the texts stay as they are."""
    found = list(texts)
    size = dict(enumerate(sizes(examples_of(texts, instructions))))
    long = [place for place, tokens in size.items() if tokens > most]
    around = sizes(examples_of([""] * len(long), [instructions[place] for place in long]))
    fixed = dict(zip(long, around, strict=True))
    while long:
        for place in long:
            share = max(0, most - fixed[place]) / max(1, size[place] - fixed[place])
            found[place] = _without_end(found[place], share)
        measured = sizes(examples_of([found[place] for place in long], [instructions[place] for place in long]))
        size |= zip(long, measured, strict=True)
        long = [place for place in long if size[place] > most and found[place]]
    return found, [size[place] for place in sorted(size)]


def shortening_notes(before: Sequence[str], after: Sequence[str], most: int, key: str) -> dict[str, Any]:
    """How many texts were shortened to fit `most`, the setting max_tokens of `key`; nothing if there is none."""
    cut = sum(one != other for one, other in zip(before, after, strict=True))
    warning = f"{cut} of {len(before)} texts are read without their end, to fit {key}.max_tokens ({most})"
    return {SHORTENED: cut, WARNINGS: [warning]} if cut else {}


def _without_end(text: str, share: float) -> str:
    """About this share of a text, and at least a word less than all of it."""
    ends = [word.end() for word in re.finditer(r"\S+", text)]
    fitting = [end for end in ends[:-1] if end <= share * len(text)]
    return text[: fitting[-1]] if fitting else ""
