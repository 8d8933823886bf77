"""Ask a model for one line, such as an instruction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from assets.prompting.unwrapping import unwrapped
from resources.models.calls import Completion, Prompt, Sampling, Writer
from warehouse.core.texts import has_word

LINE_END = ("\n",)


def one_line(writer: Writer, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
    """One completion per prompt, in order, each up to the end of its first line that is more than a wrapper.

    A line is the cheapest to ask for alone. Where it is only a wrapper, such as "Sure! Here is the instruction:", the
    prompt is asked once more without an end, and the completion ends with the line after the wrapper (ours).
    """
    found = writer.complete(prompts, replace(sampling, stop=LINE_END))
    wrapped = [
        place for place, one in enumerate(found) if one.complete and one.text.strip() and not unwrapped(one.text)
    ]
    if wrapped:
        again = writer.complete([prompts[place] for place in wrapped], replace(sampling, stop=()))
        for place, completion in zip(wrapped, again, strict=True):
            found[place] = _first_line(completion)
    return found


def _first_line(completion: Completion) -> Completion:
    lines = completion.text.splitlines()
    for number, line in enumerate(lines, 1):
        if has_word(unwrapped(line)):
            whole = completion.complete or number < len(lines)
            return replace(completion, text="\n".join(lines[:number]), complete=whole)
    return completion
