"""The memo (the store of past model calls) reuses an answer because it assumes that a row's text depends only on its
prompt, settings and seed. These tests check that the rest of the batch does not matter, and that stop strings,
sampling and losses are computed correctly."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import pytest
import torch

from resources.models.calls import Prompt, Sampling
from resources.models.language_model import LanguageModel
from resources.models.sampling import SeededSampling
from resources.tools.batching import batches

SAMPLED = Sampling(max_new_tokens=16, temperature=1.0, top_p=0.9)


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> LanguageModel:
    return LanguageModel(tiny_model)


def prompts(count: int) -> list[Prompt]:
    words = ["river", "stone", "garden", "old house", "near the river"]
    return [Prompt.ask(f"what is the {words[i % 5]}", seed=i) for i in range(count)]


def test_a_sampled_row_is_the_same_alone_in_a_batch_and_in_another_order(model: LanguageModel) -> None:
    asked = prompts(8)
    together = model.complete(asked, SAMPLED)
    assert model.complete(asked[::-1], SAMPLED)[::-1] == together
    assert [model.complete([one], SAMPLED)[0] for one in asked] == together


def test_rows_with_one_prompt_and_different_seeds_differ(model: LanguageModel) -> None:
    texts = {text for text, _, _ in model.complete([Prompt.ask("what", seed=i) for i in range(8)], SAMPLED)}
    assert len(texts) == 8


def test_greedy_rows_ignore_the_seed(model: LanguageModel) -> None:
    greedy = Sampling(max_new_tokens=8)
    assert model.complete([Prompt.ask("what", 1)], greedy) == model.complete([Prompt.ask("what", 2)], greedy)


def test_text_ends_before_the_stop_string_and_is_marked_complete(model: LanguageModel) -> None:
    asked = [Prompt.ask("what is the river", seed=i) for i in range(20)]
    stopped = model.complete(asked, Sampling(24, temperature=1.0, stop=("river",)))
    assert all("river" not in text for text, _, _ in stopped)
    free = model.complete(asked, Sampling(24, temperature=1.0))
    for (text, _, complete), (whole, _, _) in zip(stopped, free, strict=True):
        assert text == whole.split("river")[0]
        if "river" in whole:
            assert complete


def test_a_special_token_that_does_not_end_text_can_be_a_stop_string(model: LanguageModel) -> None:
    asked = [Prompt.ask("what is the river", seed=i) for i in range(40)]
    stopped = model.complete(asked, Sampling(24, temperature=1.0, stop=("<s>",)))
    free = model.complete(asked, Sampling(24, temperature=1.0))
    shorter = 0
    for (text, tokens, complete), (whole, all_tokens, _) in zip(stopped, free, strict=True):
        assert whole.split()[: len(text.split())] == text.split()
        if tokens < all_tokens:
            shorter += 1
            assert complete
    assert shorter > 5


@pytest.mark.parametrize(
    ("stop", "text", "complete"),
    [
        ((), "river what <s> does grow", False),
        (("<s>",), "river what ", True),
        (("what <s>",), "river ", True),
        (("grow", "<s>"), "river what ", True),
        (("what does",), "river what <s> does grow", False),
        (("</s>",), "river what <s> does grow", False),
    ],
)
def test_a_special_token_that_ends_no_text_stays_in_it(
    model: LanguageModel, stop: tuple[str, ...], text: str, complete: bool
) -> None:
    row = model.texts.tokens("river what <s> does grow")
    assert model.texts.written(row, stop, 5) == (text, 5, complete)


def test_a_text_ends_at_the_first_token_that_ends_a_turn(model: LanguageModel) -> None:
    row = model.texts.tokens("river <s> what </s> does <unk>")
    assert model.texts.written(row, (), 6) == ("river <s> what", 3, True)


def test_a_completion_that_reaches_the_budget_is_marked_as_cut_off(model: LanguageModel) -> None:
    written = model.complete([Prompt.ask("what", seed=i) for i in range(40)], Sampling(4, temperature=1.0))
    assert {complete for _, _, complete in written} == {True, False}
    assert all(tokens == 4 for _, tokens, complete in written if not complete)


def test_losses_are_the_cross_entropy_of_only_the_continuation(model: LanguageModel) -> None:
    texts = [(Prompt.ask("what is the river"), "the river is old ."), (Prompt(), "stone garden")]
    for (prompt, target), (loss, tokens) in zip(texts, model.losses(texts), strict=True):
        head = model.texts.tokens(model.texts.render(prompt)) or [model.texts.tokenizer.bos_token_id]
        tail = model.texts.tokens(target)
        logits = model.model(torch.tensor([head + tail])).logits[0, len(head) - 1 : -1]
        assert tokens == len(tail)
        expected = torch.nn.functional.cross_entropy(logits, torch.tensor(tail)).item()
        assert math.isclose(loss, expected, rel_tol=1e-5)


def test_sampling_follows_the_nucleus_distribution() -> None:
    probabilities = torch.tensor([0.5, 0.3, 0.15, 0.05])
    rows = 20_000
    draw = SeededSampling(range(rows), temperature=1.0, top_p=0.9)
    chosen = draw(torch.empty(rows, 0), probabilities.log().repeat(rows, 1)).argmax(-1)  # type: ignore[arg-type]
    share = {token: count / rows for token, count in Counter(chosen.tolist()).items()}
    assert set(share) == {0, 1, 2}
    for token, expected in enumerate((0.5 / 0.95, 0.3 / 0.95, 0.15 / 0.95)):
        assert abs(share[token] - expected) < 4 * math.sqrt(expected / rows)


def test_a_uniform_distribution_is_sampled_over_the_whole_vocabulary() -> None:
    rows, vocabulary = 400, 5_000
    draw = SeededSampling(range(rows), temperature=1.0, top_p=1.0)
    chosen = draw(torch.empty(rows, 0), torch.zeros(rows, vocabulary)).argmax(-1)  # type: ignore[arg-type]
    assert len(set(chosen.tolist())) > 350
    assert int(chosen.max()) > 4_500


def test_batches_start_with_long_rows_and_respect_both_limits() -> None:
    sizes = [3, 9, 5, 9, 1]
    assert list(batches(sizes, most_rows=2, most_tokens=100)) == [[1, 3], [2, 0], [4]]
    assert list(batches(sizes, most_rows=9, most_tokens=18)) == [[1, 3], [2, 0, 4]]
    assert list(batches([50], most_rows=9, most_tokens=18)) == [[0]]


def test_rows_left_after_an_interruption_are_batched_as_before() -> None:
    sizes = [3, 9, 5, 9, 1, 4, 4]
    whole = list(batches(sizes, most_rows=3, most_tokens=100))
    left = [index for batch in whole[1:] for index in batch]
    left.sort()
    again = [[left[i] for i in batch] for batch in batches([sizes[i] for i in left], 3, 100)]
    assert again == whole[1:]
