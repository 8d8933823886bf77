"""A measure costs model calls. So these tests check the prompt, text and number of each measure, and that the cut keeps
the right share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.enhancement.measuring import measure
from assets.generation.cuts import cut_for
from assets.prompting.alignment import NOTHING, measured_text
from resources.models.calls import Prompt, TokenLoss, Vector
from resources.models.language_model import LanguageModel
from tests.support.measured import pair
from warehouse.core.identity import digest, record_id
from warehouse.results.validation import validated
from warehouse.schema.records import Perplexity

PAIR = {"instruction": "Translate.", "input": "Ciao.", "response": "Hello."}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("response_given_instruction", (Prompt.ask("Translate.\n\nCiao."), "Hello.")),
        ("response_alone", (Prompt(), "Hello.")),
        (
            "instruction_given_response",
            (Prompt.ask("Hello.\n\nWhich instruction does this text answer?"), "Translate.\n\nCiao."),
        ),
    ],
)
def test_each_measure_has_its_own_condition_and_text(name: str, expected: tuple[Prompt, str]) -> None:
    assert measured_text(name, PAIR) == expected


def test_a_pair_without_input_is_measured_by_its_instruction_alone() -> None:
    pair = PAIR | {"input": ""}
    assert measured_text("response_given_instruction", pair) == (Prompt.ask("Translate."), "Hello.")
    assert measured_text("instruction_given_response", pair)[1] == "Translate."


class ScriptedReader:
    """Returns the losses of its script in turn, and records the requests."""

    def __init__(self, *losses: TokenLoss) -> None:
        self.script = losses
        self.asked: list[list[tuple[Prompt, str]]] = []

    def losses(self, texts: Sequence[tuple[Prompt, str]], ends: bool = False) -> list[TokenLoss]:
        self.asked.append(list(texts))
        return list(self.script[: len(texts)])


def no_embedder(texts: Sequence[str]) -> list[Vector]:
    raise AssertionError("not a measure that embeds")


def test_a_perplexity_is_the_exponential_of_the_mean_loss() -> None:
    reader = ScriptedReader(
        TokenLoss(math.log(5), 4, digest("call 0")),
        TokenLoss(0.0, 0, digest("call 1"), "out of memory"),
        TokenLoss(0.0, 7, digest("call 2")),
    )
    result = measure(pl.DataFrame([pair(0), pair(1), pair(2)]), ["response_given_instruction"], reader, no_embedder)
    assert reader.asked == [[(Prompt.ask(f"what is that {n}"), "it is a thing") for n in range(3)]]
    assert result.model is Perplexity
    assert result.kept.drop("id").rows() == [
        (pair(0)["id"], "response_given_instruction", pytest.approx(5.0), 4),
        (pair(2)["id"], "response_given_instruction", 1.0, 7),
    ]
    assert result.decisions.select("outcome", "reason").rows() == [
        ("kept", None),
        ("kept", None),
        ("failed", "out of memory"),
    ]
    assert set(result.edges.select("parent", "role").rows()) == {
        *((pair(number)["id"], "measured") for number in range(3)),
        *((digest(f"call {number}"), "call") for number in range(3)),
    }


def test_the_id_of_a_perplexity_hashes_its_measure_pair_and_call() -> None:
    frame = pl.DataFrame([pair(0)])
    result = measure(frame, ["response_alone"], ScriptedReader(TokenLoss(0.0, 7, digest("call"))), no_embedder)
    content = {"pair": pair(0)["id"], "measure": "response_alone", "value": 1.0, "tokens": 7}
    parents = [(pair(0)["id"], "measured"), (digest("call"), "call")]
    assert result.kept["id"].to_list() == [record_id("perplexity", content, parents)]


@pytest.mark.parametrize(
    ("keep", "expected"),
    [(0.75, 9.0), (1.0, 40.0), (0.99, 9.0), (0.5, 5.0), (0.25, 3.0), (0.01, 3.0)],
)
def test_the_cut_is_the_highest_perplexity_that_is_kept(keep: float, expected: float) -> None:
    assert cut_for(pl.Series([40.0, 3.0, 9.0, 5.0]), keep) == expected


def test_29_percent_of_100_pairs_are_29() -> None:
    # In floating point 0.29 * 100 is 28.999999999999996.
    assert cut_for(pl.Series([float(number) for number in range(1, 101)]), 0.29) == 29.0


@given(count=st.integers(1, 200), percent=st.integers(1, 100))
def test_a_share_in_percent_keeps_the_whole_number_of_pairs_in_it(count: int, percent: int) -> None:
    cut = cut_for(pl.Series([float(number) for number in range(1, count + 1)]), percent / 100)
    assert cut == max(1, percent * count // 100)


@given(
    values=st.lists(st.floats(1, 1000), min_size=1, max_size=30),
    keep=st.floats(0, 1, exclude_min=True),
    data=st.data(),
)
def test_the_cut_is_one_of_the_perplexities_whatever_their_order(
    values: list[float], keep: float, data: st.DataObject
) -> None:
    cut = cut_for(pl.Series(values), keep)
    assert cut in values
    assert cut == cut_for(pl.Series(data.draw(st.permutations(values))), keep)
    assert sum(value < cut for value in values) < max(1.0, keep * len(values))


def test_ifd_is_the_ratio_of_both_mean_losses_and_descends_from_both_calls() -> None:
    losses = [TokenLoss(1.5, 4, digest("given")), TokenLoss(3.0, 4, digest("alone"))]
    reader = ScriptedReader(*losses)
    result = measure(pl.DataFrame([pair(0)]), ["ifd"], reader, no_embedder)
    assert reader.asked == [[(Prompt.ask("what is that 0"), "it is a thing"), (NOTHING, "it is a thing")]]
    assert result.kept.drop("id").rows() == [(pair(0)["id"], "ifd", 0.5, 4)]
    assert result.edges.select("parent", "role").rows() == [
        (pair(0)["id"], "measured"),
        (digest("given"), "call"),
        (digest("alone"), "call"),
    ]


REFUSED = TokenLoss(0.0, 0, digest("refused"), refusal="the text has 9000 tokens, at most 2048 fit")


@pytest.mark.parametrize("loss", [REFUSED, TokenLoss(710.0, 3, digest("call"))])
def test_a_pair_that_a_retry_would_not_measure_has_no_perplexity(loss: TokenLoss) -> None:
    # A float cannot hold the exponential of 710.
    result = validated(measure(pl.DataFrame([pair(0)]), ["response_alone"], ScriptedReader(loss), no_embedder))
    assert result.kept.drop("id").rows() == [(pair(0)["id"], "response_alone", None, loss.tokens)]
    assert result.counts() == {("kept", ""): 1}


@pytest.mark.parametrize(
    ("given", "alone"),
    [
        (TokenLoss(1.0, 4, "a"), TokenLoss(0.0, 4, "b")),
        (TokenLoss(0.0, 4, "a"), TokenLoss(1.0, 4, "b")),
        (TokenLoss(1.0, 4, "a"), REFUSED),
        (REFUSED, TokenLoss(1.0, 4, "b")),
    ],
)
def test_a_pair_without_two_losses_to_compare_has_no_ifd(given: TokenLoss, alone: TokenLoss) -> None:
    result = measure(pl.DataFrame([pair(0)]), ["ifd"], ScriptedReader(given, alone), no_embedder)
    assert result.kept["value"].to_list() == [None]


@pytest.mark.parametrize(
    ("given", "alone"),
    [
        (TokenLoss(0.0, 0, "a", "broken"), TokenLoss(1.0, 4, "b")),
        (TokenLoss(1.0, 4, "a"), TokenLoss(0.0, 0, "b", "broken")),
        (REFUSED, TokenLoss(0.0, 0, "b", "broken")),
    ],
)
def test_a_loss_that_failed_fails_the_ifd(given: TokenLoss, alone: TokenLoss) -> None:
    result = measure(pl.DataFrame([pair(0)]), ["ifd"], ScriptedReader(given, alone), no_embedder)
    assert result.counts() == {("failed", "broken"): 1}


def test_both_losses_of_an_ifd_are_over_the_same_tokens(tiny_model: Path) -> None:
    model = LanguageModel(tiny_model)
    rows = {**pair(0), "instruction": "what is the", "response": "it is a thing ."}
    texts = [measured_text("response_given_instruction", rows), (NOTHING, rows["response"])]
    (given, tokens), (alone, others) = model.losses(texts)
    assert tokens == others == len(model.texts.tokens("it is a thing ."))
    assert given != alone


@given(values=st.lists(st.floats(0.01, 10), min_size=1, max_size=30), keep=st.floats(0.01, 1))
def test_the_cut_at_the_high_end_mirrors_that_at_the_low_end(values: list[float], keep: float) -> None:
    assert cut_for(pl.Series(values), keep, high=True) == -cut_for(pl.Series([-value for value in values]), keep)
