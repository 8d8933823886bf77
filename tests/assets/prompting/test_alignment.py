"""Which instruction belongs to a text is decided by these numbers. So each is checked against values computed by hand,
and the gain also on a model: its tokens are those that a training counts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from assets.prompting.alignment import NOTHING, Measured, gains, measured, prefers_high
from resources.models.calls import Prompt, TokenLoss, Vector
from resources.models.language_model import LanguageModel

PAIR = {"instruction": "Translate.", "input": "Ciao.", "response": "Hello."}
ASKED = Prompt.ask("Translate.\n\nCiao.")
FAILED, REFUSED = TokenLoss(0, 0, "b", "out of memory"), TokenLoss(0, 0, "b", refusal="too long")


class Scripted:
    """Returns its losses in turn, and records what was asked."""

    def __init__(self, *losses: TokenLoss) -> None:
        self.script, self.asked = losses, list[tuple[list[tuple[Prompt, str]], bool]]()

    def losses(self, texts: Sequence[tuple[Prompt, str]], ends: bool = False) -> list[TokenLoss]:
        self.asked.append((list(texts), ends))
        return list(self.script)


def embed(texts: Sequence[str]) -> list[Vector]:
    vector = {"Translate.\n\nCiao.": (1.0, 0.0), "Hello.": (0.6, 0.8)}
    return [Vector(np.array(vector[text], dtype=np.float32), text) for text in texts]


def test_the_gain_is_what_the_instruction_takes_off_the_loss_of_the_response_and_its_end() -> None:
    reader = Scripted(TokenLoss(2.5, 4, "a"), TokenLoss(3.3, 4, "b"))
    assert measured("gain", [PAIR], reader, embed) == [Measured(pytest.approx(0.8), 4, ("a", "b"))]
    assert reader.asked == [([(ASKED, "Hello."), (NOTHING, "Hello.")], True)]


def test_ifd_divides_the_losses_of_the_same_template() -> None:
    reader = Scripted(TokenLoss(2.5, 4, "a"), TokenLoss(3.3, 4, "b"))
    assert measured("ifd", [PAIR], reader, embed) == [Measured(2.5 / 3.3, 4, ("a", "b"))]
    assert reader.asked == [([(ASKED, "Hello."), (NOTHING, "Hello.")], False)]


@pytest.mark.parametrize("measure", ["response_given_instruction", "response_alone", "instruction_given_response"])
def test_a_perplexity_is_the_exponential_of_a_mean_loss(measure: str) -> None:
    reader = Scripted(TokenLoss(math.log(5), 4, "a"))
    assert measured(measure, [PAIR], reader, embed) == [Measured(pytest.approx(5), 4, ("a",))]
    ((_, ends),) = reader.asked
    assert not ends


def test_the_similarity_is_the_cosine_of_both_embeddings() -> None:
    reader = Scripted()
    (found,) = measured("similarity", [PAIR], reader, embed)
    assert (found.value, found.calls, reader.asked) == (pytest.approx(0.6), ("Translate.\n\nCiao.", "Hello."), [])


def test_the_random_measure_depends_on_the_texts_alone() -> None:
    pairs = [PAIR, PAIR | {"response": "Hi."}, PAIR]
    found = [one.value for one in measured("random", pairs, Scripted(), embed)]
    assert found[0] == found[2] != found[1]
    assert all(value is not None and 0 <= value < 1 for value in found)


@pytest.mark.parametrize("measure", ["gain", "ifd"])
@pytest.mark.parametrize("given_fails", [True, False])
def test_a_failed_loss_fails_the_measure_and_a_refused_one_leaves_it_empty(measure: str, given_fails: bool) -> None:
    good = TokenLoss(1.0, 4, "a")
    for bad, error in ((FAILED, "out of memory"), (REFUSED, None)):
        losses = (bad, good) if given_fails else (good, bad)
        (found,) = measured(measure, [PAIR], Scripted(*losses), embed)
        assert (found.value, found.error) == (None, error)


def test_high_values_are_the_better_ones_except_for_perplexities() -> None:
    high = ["gain", "ifd", "similarity", "random"]
    low = ["response_given_instruction", "response_alone", "instruction_given_response"]
    assert [prefers_high(one) for one in (*high, *low)] == [True] * 4 + [False] * 3


class Reading:
    """A real model as Reader."""

    def __init__(self, folder: Path) -> None:
        self.model = LanguageModel(folder)

    def losses(self, texts: Sequence[tuple[Prompt, str]], ends: bool = False) -> list[TokenLoss]:
        return [TokenLoss(mean, tokens, "") for mean, tokens in self.model.losses(texts, ends)]


def test_the_end_of_the_turn_counts_as_in_a_training_example(tiny_model: Path) -> None:
    reader = Reading(tiny_model)
    ids, before = reader.model.texts.prompt_tokens.example(ASKED, "it is a thing .")
    (plain,), (ended,) = (reader.losses([(ASKED, "it is a thing .")], ends) for ends in (False, True))
    assert ended.tokens == len(ids) - before > plain.tokens
    pair = {"instruction": "Translate.", "input": "Ciao.", "response": "it is a thing ."}
    (alone,) = reader.losses([(NOTHING, "it is a thing .")], True)
    assert gains([pair], reader)[0].value == pytest.approx(alone.mean - ended.mean)
