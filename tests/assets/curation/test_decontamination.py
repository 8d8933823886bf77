"""A student that was trained on benchmark text gets a score that proves nothing. These tests check each way to find
such text at its limit: the decision names the benchmark item, and the check confirms that the training set is clean."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.curation.decontamination import BenchmarkTexts, Overlap
from assets.curation.runs import runs
from assets.curation.training_set import Budget, take
from assets.planning.graph import steps
from assets.recipe.types import Decontamination
from tests.support.building import build, edit, query, store
from tests.support.recipes import complaints, parsed, put, starter
from warehouse.core.errors import UserError
from warehouse.core.identity import digest
from warehouse.schema.records import Pair, empty

BASIL, COD = digest("basil"), digest("cod")
ITEMS = pl.DataFrame(
    [
        (BASIL, "How do I make Pesto?", "", "Then crush the basil, slowly; add the oil."),
        (COD, "Name a fish.", "of the cold sea in the north", ""),
    ],
    schema=["id", "instruction", "input", "reference"],
    orient="row",
)
WORDS = st.lists(st.sampled_from(["a", "b", "c"]), max_size=12)


def row(instruction: str = "What is it?", response: str = "A thing.", given_input: str = "") -> dict[str, str]:
    return {"instruction": instruction, "input": given_input, "response": response}


def found(settings: Decontamination, said: dict[str, str]) -> Overlap | None:
    return BenchmarkTexts(ITEMS, settings).overlap(said)


def test_long_texts_in_item_details_are_matched_by_word_runs() -> None:
    """Many rows contain a one-word choice by chance; a long choice is specific to the benchmark."""
    details = [
        '{"question": "Which?", "choices": {"text": ["It grows near the old river", "yes"], "label": [1, null]}}',
        "it is no JSON",
    ]
    items = ITEMS.with_columns(pl.Series("details", details))
    settings = Decontamination(ngram=3)
    reason = "3 words in a row of a benchmark item"
    held = BenchmarkTexts(items, settings)
    assert held.overlap(row(response="A reed near the old wall.")) == Overlap(reason, BASIL, 1, 0)
    assert held.overlap(row(response="Sadly it is no thing.")) == Overlap(reason, COD, 1, 0)
    assert held.overlap(row(response="Yes!")) is None


def test_a_benchmark_item_without_embedding_is_an_error() -> None:
    settings = Decontamination(ngram=None, similarity=0.5)
    with pytest.raises(UserError) as refused:
        BenchmarkTexts(ITEMS, settings, {BASIL: [1.0, 0.0]})
    assert str(refused.value) == (
        "1 of 2 benchmark items have no embedding to compare instructions with; build benchmark_embeddings again, or "
        "remove curation.decontamination.similarity"
    )
    assert BenchmarkTexts(ITEMS, settings, {BASIL: [1.0, 0.0], COD: [0.0, 1.0]}).count == 2


@pytest.mark.parametrize(
    ("said", "item"),
    [
        (row("how do i make PESTO"), BASIL),
        (row(response="THEN crush the basil -- slowly; add the oil"), BASIL),
        (row("Name a fish!"), COD),
        (row("How do I make pasta?"), None),
        # An empty reference does not match a response without words.
        (row(response="..."), None),
    ],
)
def test_equal_texts_are_found_with_any_settings(said: dict[str, str], item: str | None) -> None:
    for settings in (None, Decontamination(), Decontamination(ngram=None, similarity=0.5)):
        overlap = BenchmarkTexts(ITEMS, settings).overlap(said)
        assert overlap == (item and Overlap("text of a benchmark item", item))


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (row(response="So: crush the BASIL well."), Overlap("3 words in a row of a benchmark item", BASIL, 1, 0)),
        (row(response="So crush the basil slowly."), Overlap("3 words in a row of a benchmark item", BASIL, 2, 0)),
        (row("Of the cold, please?"), Overlap("3 words in a row of a benchmark item", COD, 1, 0)),
        (row(given_input="the cold sea"), Overlap("3 words in a row of a benchmark item", COD, 1, 0)),
        (row(response="crush the oil"), None),
        (row(response="the basil"), None),
        # A run of words does not continue from one field into the next.
        (row("crush the", "basil slowly"), None),
    ],
)
def test_a_run_of_words_is_found_in_every_field(said: dict[str, str], expected: Overlap | None) -> None:
    assert found(Decontamination(ngram=3), said) == expected


def test_the_default_run_length_is_the_published_13_words() -> None:
    text = "one two three four five six seven eight nine ten eleven twelve thirteen"
    items = ITEMS.with_columns(reference=pl.lit(f"zero {text} fourteen"))
    assert Decontamination().ngram == 13
    assert BenchmarkTexts(items, Decontamination()).overlap(row(response=text)) is not None
    assert BenchmarkTexts(items, Decontamination()).overlap(row(response=text.removesuffix(" thirteen"))) is None


@given(one=WORDS, other=WORDS, words=st.integers(1, 4))
def test_word_run_matching_equals_a_brute_force_search(one: list[str], other: list[str], words: int) -> None:
    items = pl.DataFrame([(BASIL, "?", "", " ".join(other))], schema=ITEMS.columns, orient="row")
    plain = any(
        one[start : start + words] == other[place : place + words]
        for start in range(len(one) - words + 1)
        for place in range(len(other) - words + 1)
    )
    overlap = BenchmarkTexts(items, Decontamination(ngram=words)).overlap(row(response=" ".join(one)))
    assert (overlap is not None) == plain
    assert len(list(runs(" ".join(one), words))) == max(0, len(one) - words + 1)


CHINESE = "茶叶应当储存在阴凉干燥的地方并且避免阳光直接照射否则香气会很快散失"


@pytest.mark.parametrize(
    ("said", "shared"),
    [
        (CHINESE, 8),
        (f"请注意：{CHINESE[3:29]}，谢谢。", 1),
        (f"请注意：{CHINESE[3:28]}。", 0),
        ("茶叶应当储存在阴凉干燥的地方。", 0),
        ("每天喝茶对身体有很多好处，但是晚上喝太多茶会影响睡眠，所以要适量。", 0),
    ],
)
def test_26_characters_of_chinese_are_13_words(said: str, shared: int) -> None:
    items = pl.DataFrame([(BASIL, "?", "", f"我们知道{CHINESE}。")], schema=ITEMS.columns, orient="row")
    overlap = BenchmarkTexts(items, Decontamination()).overlap(row(response=said))
    assert overlap == (Overlap("13 words in a row of a benchmark item", BASIL, shared, 0) if shared else None)


def test_runs_of_words_and_of_characters_join() -> None:
    assert list(runs("A茶 b", 2)) == [("a", "茶", "b")]
    assert list(runs("用GPT4写诗", 2)) == [("用", "gpt4", "写"), ("gpt4", "写", "诗")]
    assert list(runs("ไทยดี", 1)) == [("ไ", "ท", "ย"), ("ท", "ย", "ดี")]
    assert list(runs("काली बिल्ली", 2)) == [("काली", "बिल्ली")]


@pytest.mark.parametrize("text", ["Café — naïve “snake_case” 3.14", "don't STOP"])
def test_runs_of_texts_with_spaces_are_runs_of_their_words(text: str) -> None:
    found = re.findall(r"\w+", text.lower())
    assert list(runs(text, 2)) == list(pairwise(found))


def test_a_similar_instruction_is_found_only_above_the_threshold() -> None:
    vectors = {BASIL: [1.0, 0.0], COD: [0.6, 0.8]}
    items = BenchmarkTexts(ITEMS, Decontamination(ngram=None, similarity=0.8), vectors)
    assert items.overlap(row(), [0.96, 0.28]) == Overlap("similar to a benchmark item", BASIL, pytest.approx(0.96), 0.8)
    assert items.overlap(row(), [0.0, 1.0]) is None
    assert items.overlap(row(), None) is None


def pairs(count: int, **says: str) -> pl.DataFrame:
    rows = [
        {"id": digest(["pair", n]), "method": "m", "level": "", **row(f"What is {n}?", "A thing " * (n + 1)), **says}
        for n in range(count)
    ]
    return pl.DataFrame(rows, schema=empty(Pair).schema)


def test_rejected_pairs_record_the_item_and_other_pairs_fill_the_budget() -> None:
    frame = pl.concat([pairs(3), pairs(4, response="Then crush the basil.").tail(1)])
    result = take("x", frame, BenchmarkTexts(ITEMS, Decontamination(ngram=4)), Budget(3), 7)
    assert sorted(result.kept["id"]) == sorted(pairs(3)["id"])
    dropped = result.decisions.filter(pl.col("outcome") == "rejected").drop("record").rows()
    assert dropped == [("rejected", "4 words in a row of a benchmark item", 1.0, 0.0, BASIL)]


def test_a_pair_without_embedding_fails_when_similarity_is_required() -> None:
    near = BenchmarkTexts(ITEMS[:1], Decontamination(similarity=0.9), {BASIL: [1.0, 0.0]})
    ids = pairs(3)["id"].to_list()
    result = take("x", pairs(3), near, Budget(1), 7, {ids[0]: [0.0, 1.0], ids[1]: [1.0, 0.0]})
    reasons = dict(result.decisions.select("record", "reason").rows())
    assert reasons == {
        ids[0]: None,
        ids[1]: "similar to a benchmark item",
        ids[2]: "its instruction could not be embedded",
    }


def words_of(responses: Any) -> list[int]:
    return [len(text.split()) for text in responses]


def test_a_token_budget_is_filled_until_the_next_response_exceeds_it() -> None:
    budget = Budget(11, "curation.response_tokens", "response tokens", words_of)
    result = take("x", pairs(5), BenchmarkTexts(ITEMS), budget, 7)
    sizes = [len(text.split()) for text in result.kept["response"]]
    assert sum(sizes) <= 11
    over = result.decisions.filter(pl.col("reason") == "beyond the budget")
    assert all(score > 11 == cut for score, cut in over.select("score", "cut").rows())
    # The kept pairs are the first ones in the sampling order.
    every = take("x", pairs(5), BenchmarkTexts(ITEMS), Budget(5), 7).kept["id"].to_list()
    assert result.kept["id"].to_list() == every[: len(sizes)]
    assert sum(words_of(take("x", pairs(5), BenchmarkTexts(ITEMS), Budget(len(sizes) + 1), 7).kept["response"])) > 11


def test_the_error_for_too_few_tokens_says_how_many_are_missing() -> None:
    budget = Budget(31, "curation.response_tokens", "response tokens", words_of)
    with pytest.raises(UserError) as caught:
        take("some_arm", pairs(5), BenchmarkTexts(ITEMS), budget, 7)
    assert str(caught.value) == (
        "arm 'some_arm' has 30 response tokens, curation.response_tokens asks for 31: 1 are missing; "
        "generate more, loosen a filter, or lower curation.response_tokens"
    )


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        (
            "curation.response_tokens",
            900,
            "curation: found {'rows': 64, 'response_tokens': 900}; set either rows or response_tokens, "
            "the size of every training set",
        ),
        (
            "arms.self_training",
            {"methods": ["self_training"], "filters": [], "rows": 3, "response_tokens": 9},
            "arms.self_training: found {'rows': 3, 'response_tokens': 9}; set only one of them",
        ),
        (
            "curation.decontamination",
            {"ngram": None},
            "curation.decontamination: found nothing; it needs ngram, share or similarity",
        ),
    ],
)
def test_conflicting_or_empty_budgets_and_rules_are_rejected(path: str, value: object, line: str) -> None:
    assert complaints((path, value)) == [line]


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.2, 0.8, 1.0]))
def test_rows_that_are_compared_together_share_what_each_shares_alone(seed: int, cut: float) -> None:
    """Vectors are compared in blocks. A row exactly at the cut stays, in whatever order its product is summed."""
    draw = np.random.default_rng(seed)
    drawn = draw.standard_normal((40, 5)).astype(np.float32)
    drawn[:4] = drawn[20:24]
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    rows = pl.DataFrame([{"id": digest(number), **row()} for number in range(38)])
    vectors = dict(zip(rows["id"][:37], drawn[:37], strict=True))
    items = BenchmarkTexts(ITEMS, Decontamination(similarity=cut), {BASIL: drawn[38], COD: drawn[0]})
    alone = {one["id"]: found for one in rows.to_dicts() if (found := items.overlap(one, vectors.get(one["id"])))}
    assert items.overlaps(rows, vectors) == alone
    assert len(alone) > 0 or cut == 1.0


def test_similarity_needs_embeddings_of_the_benchmark_and_every_method() -> None:
    without = {step.asset: step for step in steps(parsed(starter()))}
    recipe = parsed(put(starter(), "curation.decontamination", {"similarity": 0.9}))
    found = {step.asset: step for step in steps(recipe)}
    assert found.keys() - without.keys() == {"benchmark_embeddings", "instruction_embeddings/self_training"}
    reads = found["training_sets/self_training"].inputs
    assert reads["embeddings_self_training"] == "instruction_embeddings/self_training"
    assert reads["benchmark_embeddings"] == "benchmark_embeddings"


def test_adding_decontamination_and_a_token_budget_reruns_no_generation(own: tuple[Path, Path]) -> None:
    recipe, data = own

    def other(values: dict[str, Any]) -> None:
        # The tiny embedder gives every text almost the same vector, so the threshold is the highest possible.
        values["curation"] |= {"decontamination": {"ngram": 60, "similarity": 1.0}, "response_tokens": 40}
        del values["curation"]["rows"]

    edit(recipe, other)
    log, failures = build(recipe, data, "+training_sets/self_training")
    assert failures == []
    assert {asset: calls for asset, calls in log.computed.items() if calls}.keys() <= {
        "benchmark_embeddings",
        "instruction_embeddings/self_training",
    }
    kept = query(data, "SELECT response FROM training_sets__self_training")["response"]
    # The tiny tokenizer has one token per word.
    assert 0 < sum(len(text.split()) for text in kept) <= 40
    published = store(data).current("training_sets/self_training")
    assert published is not None
    (check,) = [one for one in store(data).facts(published)["checks"] if one["name"] == "leakage"]
    assert check["passed"]
    assert np.isfinite(query(data, "SELECT count(*) AS n FROM benchmark_embeddings")["n"][0])
