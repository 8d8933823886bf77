"""A score means nothing where the student has learned the benchmark: every way to say an item again is found at its
edge, names the item, and leaves a training set that the check proves clean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.curation.decontamination import BenchmarkTexts, Overlap, runs
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


def test_texts_in_the_details_of_an_item_count_by_their_runs() -> None:
    """A choice of one word is said by many rows; a long one is the benchmark's."""
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


def test_an_item_that_could_not_be_embedded_is_not_passed_over() -> None:
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
        (row(response="Name a fish!"), COD),
        (row("How do I make pasta?"), None),
        # An item without a reference is not found in a response without words.
        (row(response="..."), None),
    ],
)
def test_equal_texts_are_found_whatever_the_settings(said: dict[str, str], item: str | None) -> None:
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
        # The last word of one text and the first of the next are no run.
        (row("crush the", "basil slowly"), None),
    ],
)
def test_a_run_of_words_is_found_in_every_field(said: dict[str, str], expected: Overlap | None) -> None:
    assert found(Decontamination(ngram=3), said) == expected


def test_the_published_run_has_13_words() -> None:
    text = "one two three four five six seven eight nine ten eleven twelve thirteen"
    items = ITEMS.with_columns(reference=pl.lit(f"zero {text} fourteen"))
    assert Decontamination().ngram == 13
    assert BenchmarkTexts(items, Decontamination()).overlap(row(response=text)) is not None
    assert BenchmarkTexts(items, Decontamination()).overlap(row(response=text.removesuffix(" thirteen"))) is None


@given(one=WORDS, other=WORDS, words=st.integers(1, 4))
def test_runs_are_those_of_a_plain_search(one: list[str], other: list[str], words: int) -> None:
    items = pl.DataFrame([(BASIL, "?", "", " ".join(other))], schema=ITEMS.columns, orient="row")
    plain = any(
        one[start : start + words] == other[place : place + words]
        for start in range(len(one) - words + 1)
        for place in range(len(other) - words + 1)
    )
    overlap = BenchmarkTexts(items, Decontamination(ngram=words)).overlap(row(response=" ".join(one)))
    assert (overlap is not None) == (plain or (bool(one) and one == other))
    assert len(list(runs(" ".join(one), words))) == max(0, len(one) - words + 1)


def test_a_similar_instruction_is_found_above_the_cut_only() -> None:
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


def test_what_is_left_out_is_on_record_with_the_item_and_the_rest_fills_the_budget() -> None:
    frame = pl.concat([pairs(3), pairs(4, response="Then crush the basil.").tail(1)])
    result = take("x", frame, BenchmarkTexts(ITEMS, Decontamination(ngram=4)), Budget(3), 7)
    assert sorted(result.kept["id"]) == sorted(pairs(3)["id"])
    dropped = result.decisions.filter(pl.col("outcome") == "rejected").drop("record").rows()
    assert dropped == [("rejected", "4 words in a row of a benchmark item", 1.0, 0.0, BASIL)]


def test_a_pair_without_a_vector_fails_where_similarity_is_asked_for() -> None:
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


def test_a_budget_of_tokens_is_filled_to_within_one_response() -> None:
    budget = Budget(11, "curation.response_tokens", "response tokens", words_of)
    result = take("x", pairs(5), BenchmarkTexts(ITEMS), budget, 7)
    sizes = [len(text.split()) for text in result.kept["response"]]
    assert sum(sizes) <= 11
    over = result.decisions.filter(pl.col("reason") == "beyond the budget")
    assert all(score > 11 == cut for score, cut in over.select("score", "cut").rows())
    # The pairs that are kept are the first of the draw.
    every = take("x", pairs(5), BenchmarkTexts(ITEMS), Budget(5), 7).kept["id"].to_list()
    assert result.kept["id"].to_list() == every[: len(sizes)]
    assert sum(words_of(take("x", pairs(5), BenchmarkTexts(ITEMS), Budget(len(sizes) + 1), 7).kept["response"])) > 11


def test_an_arm_with_too_few_tokens_says_how_many_are_lacking() -> None:
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
            "curation.decontamination: found nothing; it needs ngram or similarity",
        ),
    ],
)
def test_a_budget_or_a_rule_that_says_too_much_or_nothing_is_refused(path: str, value: object, line: str) -> None:
    assert complaints((path, value)) == [line]


def test_similarity_embeds_the_benchmark_and_every_method_of_an_arm() -> None:
    without = {step.asset: step for step in steps(parsed(starter()))}
    recipe = parsed(put(starter(), "curation.decontamination", {"similarity": 0.9}))
    found = {step.asset: step for step in steps(recipe)}
    assert found.keys() - without.keys() == {"benchmark_embeddings", "instruction_embeddings/self_training"}
    reads = found["training_sets/self_training"].inputs
    assert reads["embeddings_self_training"] == "instruction_embeddings/self_training"
    assert reads["benchmark_embeddings"] == "benchmark_embeddings"


def test_both_in_a_build_change_no_generation(own: tuple[Path, Path]) -> None:
    recipe, data = own

    def other(values: dict[str, Any]) -> None:
        # Vectors of the tiny embedder are all alike.
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
    # The tiny tokenizer has a token for each word.
    assert 0 < sum(len(text.split()) for text in kept) <= 40
    published = store(data).current("training_sets/self_training")
    assert published is not None
    (check,) = [one for one in store(data).facts(published)["checks"] if one["name"] == "leakage"]
    assert check["passed"]
    assert np.isfinite(query(data, "SELECT count(*) AS n FROM benchmark_embeddings")["n"][0])
