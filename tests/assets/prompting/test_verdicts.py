"""Verdicts have a few tokens, which a thought uses up. Then a model that thinks would never judge, so these tests check
who is asked once more."""

from __future__ import annotations

from collections.abc import Sequence

from assets.prompting.verdicts import verdicts
from resources.models.calls import Completion, Prompt, Sampling


class Thinker:
    """Thinks for 20 tokens about prompts with the text "hard"."""

    def __init__(self) -> None:
        self.asked: list[tuple[list[str], int]] = []

    def complete(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        self.asked.append(([prompt.text for prompt in prompts], sampling.max_new_tokens))
        cut_off = [prompt.text == "hard" and sampling.max_new_tokens < 20 for prompt in prompts]
        return [Completion("" if cut else "Yes", not cut, "0" * 32, thought_cut_off=cut) for cut in cut_off]


PROMPTS = [Prompt(text="easy"), Prompt(text="hard")]


def test_only_a_model_that_still_thinks_gets_more_room() -> None:
    model = Thinker()
    assert [one.text for one in verdicts(model, PROMPTS, 8, 64)] == ["Yes", "Yes"]
    assert model.asked == [(["easy", "hard"], 8), (["hard"], 64)]


def test_without_more_room_nothing_is_asked_again() -> None:
    model = Thinker()
    assert [one.thought_cut_off for one in verdicts(model, PROMPTS, 8, 8)] == [False, True]
    assert len(model.asked) == 1
