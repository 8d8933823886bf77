"""The prompts. The paper (arXiv 2308.12711) does not publish its own; these are ours or those of a cited method."""

from __future__ import annotations

from collections.abc import Sequence

from resources.models.calls import Prompt
from warehouse.core.texts import on_one_line


def with_input(instruction: str, input_: str) -> str:
    """An instruction and its input as one user turn."""
    return f"{instruction}\n\n{input_}" if input_ else instruction


def answer(instruction: str, input_: str = "", seed: int = 0) -> Prompt:
    """Ask for the response to an instruction, with no other text."""
    return Prompt.ask(with_input(instruction, input_), seed)


def instruction_for(text: str, seed: int = 0) -> Prompt:
    """Ask the backward model, p(instruction | response), for the instruction that `text` answers."""
    return Prompt.ask(f"{text}\n\nWhich instruction does this text answer?", seed)


def extraction(text: str, seed: int = 0) -> Prompt:
    """Ask for the part of a document that an instruction should be about."""
    return Prompt.ask(f"{text}\n\nIn a few words, what is the main point of this text?", seed)


def more_tasks(instructions: Sequence[str], seed: int) -> Prompt:
    """The published prompt of Self-Instruct (arXiv 2212.10560, table 5): a numbered list to continue, one line each."""
    # A line break within an example would look like the start of the next one.
    listed = "".join(f"{number}. {on_one_line(text)}\n" for number, text in enumerate(instructions, 1))
    return Prompt(text=f"Come up with a series of tasks:\n\n{listed}{len(instructions) + 1}.", seed=seed)
