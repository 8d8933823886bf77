"""Ask a model for a verdict of a few tokens, such as yes or no."""

from __future__ import annotations

from collections.abc import Sequence

from resources.models.calls import Completion, Prompt, Sampling, Writer


def verdicts(writer: Writer, prompts: Sequence[Prompt], few: int, room: int) -> list[Completion]:
    """One greedy completion of at most `few` tokens per prompt, in order.

    A model that thinks needs more for its thoughts. Where they were cut off, it is asked once more, for `room` tokens
    (ours)."""
    found = writer.complete(prompts, Sampling(few))
    thinking = [place for place, one in enumerate(found) if one.thought_cut_off]
    if thinking and room > few:
        again = writer.complete([prompts[place] for place in thinking], Sampling(room))
        for place, completion in zip(thinking, again, strict=True):
            found[place] = completion
    return found
