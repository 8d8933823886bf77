"""A fragment must depend on its own document alone: then an added document changes no other document's fragments, and
no pair made from them. These tests check that for each level, and what the model is asked."""

from __future__ import annotations

import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from assets.enhancement.fragments import extract, levels_of
from assets.planning.graph import steps
from assets.prompting.extracts import keywords, random_sentence
from assets.prompting.prompts import extraction
from assets.recipe.filters import Fragments
from assets.recipe.parts import SamplingPart
from assets.recipe.values import LEVELS
from assets.steps.step import Most
from resources.models.calls import Prompt, Sampling
from tests.support.recipes import complaints, parsed, put, starter
from tests.support.scripted import ScriptedWriter, call_of
from warehouse.core.identity import digest, record_id, row_seed
from warehouse.results.result import Result
from warehouse.schema.records import Fragment

PESTO = "Pesto is a sauce. It comes from Genoa."
LOVELACE = (
    "Ada Lovelace was an English mathematician and writer. She is known for her work on the Analytical Engine, "
    "a mechanical computer proposed by Charles Babbage."
)
RYE = "Rye is a grain! Is it a grass? Rye bread is dark."
DOCUMENTS = pl.DataFrame({"id": [digest(text) for text in (PESTO, LOVELACE, RYE)], "text": [PESTO, LOVELACE, RYE]})


def first_words(prompt: Prompt) -> tuple[str, bool, str | None]:
    return " ".join(prompt.messages[0][1].split()[:3]), True, None


def fragments(*levels: str, per_document: int = 1, keywords: int = 5) -> Fragments:
    return Fragments(
        levels=levels or LEVELS,
        per_document=per_document,
        keywords=keywords,
        extraction=SamplingPart(max_new_tokens=32),
    )


def outcomes(result: Result) -> list[tuple[str, str | None]]:
    return list(result.decisions.select("outcome", "reason").iter_rows())


def edges_of(result: Result, child: str) -> list[tuple[str, str]]:
    return list(result.edges.filter(pl.col("child") == child).select("parent", "role").iter_rows())


def test_the_keywords_of_a_text_are_fixed() -> None:
    assert keywords(LOVELACE, 5, 2) == (
        "Ada Lovelace, English mathematician, Analytical Engine, Charles Babbage, Lovelace"
    )
    assert keywords(PESTO, 5, 2) == "Pesto, sauce, Genoa"


def test_fewer_keywords_are_the_first_of_more() -> None:
    assert keywords(LOVELACE, 2, 2) == "Ada Lovelace, English mathematician"


@pytest.mark.parametrize("text", ["", " \n", "...", "1 2 3", "🙂 🙂", "\x00"])
def test_a_text_without_words_has_no_keywords(text: str) -> None:
    assert keywords(text, 5, 2) == ""


def test_texts_without_spaces_have_keywords_and_sentences() -> None:
    text = "量子力学是物理学的基础。人工智能改变世界！量子力学很难。"
    assert keywords(text, 3, 2) == "量子力学, 物理, 学的"
    assert [random_sentence(text, seed) for seed in (0, 1, 2)] == [
        "量子力学是物理学的基础。",
        "人工智能改变世界！",
        "量子力学很难。",
    ]
    # One foreign word makes no other language.
    assert keywords(f"{LOVELACE} 茶", 2, 2) == "Ada Lovelace, English mathematician"


@settings(deadline=None)
@given(text=st.text(max_size=60))
def test_keywords_of_any_text_are_the_same_each_time(text: str) -> None:
    assert keywords(text, 5, 2) == keywords(text, 5, 2)


@pytest.mark.parametrize(
    ("seed", "expected"),
    [(0, "Rye is a grain!"), (1, "Is it a grass?"), (2, "Rye bread is dark."), (3, "Rye is a grain!")],
)
def test_the_seed_chooses_the_sentence(seed: int, expected: str) -> None:
    assert random_sentence(RYE, seed) == expected


def test_a_text_without_a_sentence_has_none_to_choose() -> None:
    assert random_sentence(" \n ", 5) == ""
    assert random_sentence("", 5) == ""


@given(text=st.text() | st.text(alphabet="aB. !?\n", max_size=40), seed=st.integers(0, 2**63 - 1))
def test_a_sentence_of_any_text_is_a_stripped_part_of_it(text: str, seed: int) -> None:
    sentence = random_sentence(text, seed)
    assert sentence == random_sentence(text, seed)
    assert sentence == sentence.strip()
    assert sentence in text
    assert bool(sentence) == bool(text.strip())


@given(seed=st.integers(0, 2**63 - 1))
def test_every_sentence_can_be_chosen(seed: int) -> None:
    drawn = {random_sentence(RYE, seed + step) for step in range(3)}
    assert drawn == {"Rye is a grain!", "Is it a grass?", "Rye bread is dark."}


@given(
    document=st.text(max_size=8),
    levels=st.permutations(LEVELS),
    per_document=st.integers(1, 3),
    seed=st.integers(),
)
def test_the_levels_of_a_document_are_different_and_follow_from_its_id(
    document: str, levels: list[str], per_document: int, seed: int
) -> None:
    drawn = levels_of(document, fragments(*levels, per_document=per_document), seed)
    assert len(drawn) == len(set(drawn)) == per_document
    assert set(drawn) <= set(LEVELS)
    assert drawn == levels_of(document, fragments(per_document=per_document), seed)


@given(document=st.text(max_size=8), seed=st.integers())
def test_more_levels_a_document_keep_the_ones_it_had(document: str, seed: int) -> None:
    one, two, three = (levels_of(document, fragments(per_document=count), seed) for count in (1, 2, 3))
    assert two[:1] == one
    assert three[:2] == two
    assert sorted(three) == sorted(LEVELS)


def test_the_levels_are_spread_over_documents() -> None:
    drawn = [levels_of(str(number), fragments(), 7)[0] for number in range(300)]
    assert {level: drawn.count(level) for level in LEVELS} == {"keywords": 107, "sentence": 91, "model": 102}


def test_a_level_that_is_listed_twice_is_an_error() -> None:
    with pytest.raises(ValidationError, match="it must name each one once"):
        fragments("sentence", "sentence", "keywords", per_document=2)


def test_only_documents_at_model_level_are_shown_to_the_model() -> None:
    writer = ScriptedWriter(first_words)
    result = extract(DOCUMENTS, fragments(), writer, 6)
    level = {identity: levels_of(identity, fragments(), 6)[0] for identity in DOCUMENTS["id"]}
    shown = [
        extraction(text, row_seed(6, "extraction", text))
        for identity, text in DOCUMENTS.rows()
        if level[identity] == "model"
    ]
    assert list(level.values()) == ["model", "sentence", "model"]
    assert writer.asked == [(shown, Sampling(max_new_tokens=32))]
    assert dict(result.kept.select("document", "level").iter_rows()) == level


@pytest.mark.parametrize("levels", [("keywords",), ("sentence",), ("keywords", "sentence")])
def test_without_the_model_level_nothing_is_asked(levels: tuple[str, ...]) -> None:
    writer = ScriptedWriter(first_words)
    extract(DOCUMENTS, fragments(*levels, per_document=len(levels)), writer, 7)
    assert [prompt for prompts, _ in writer.asked for prompt in prompts] == []


def test_the_model_is_asked_plainly_for_the_main_point() -> None:
    writer = ScriptedWriter(first_words)
    extract(DOCUMENTS.head(1), fragments("model"), writer, 7)
    question = f"{PESTO}\n\nIn a few words, what is the main point of this text?"
    assert writer.asked[0][0] == [Prompt(messages=(("user", question),), seed=row_seed(7, "extraction", PESTO))]


def test_every_document_and_every_recipe_seed_gives_the_model_another_seed() -> None:
    one, other = ScriptedWriter(first_words), ScriptedWriter(first_words)
    extract(DOCUMENTS, fragments("model"), one, 7)
    extract(DOCUMENTS, fragments("model"), other, 8)
    assert len({prompt.seed for writer in (one, other) for prompt in writer.asked[0][0]}) == 6


def test_only_the_level_model_needs_sampling_settings() -> None:
    bare = {"levels": ["keywords", "sentence"]}
    found = parsed(put(starter(), "enhancement.fragments", bare)).enhancement.fragments
    assert found is not None
    result = extract(DOCUMENTS, found, ScriptedWriter(first_words), 7)
    assert outcomes(result) == [("kept", None)] * 3
    assert complaints(("enhancement.fragments", {"levels": ["model"]})) == [
        "enhancement.fragments.extraction: found nothing; the level model needs it; set its max_new_tokens"
    ]


@pytest.mark.parametrize(("levels", "calls"), [(["keywords", "sentence"], 0), (["model"], 120), (LEVELS, 120)])
def test_the_model_is_asked_at_most_once_a_document_and_never_without_its_level(levels: list[str], calls: int) -> None:
    recipe = parsed(put(starter(), "enhancement.fragments.levels", list(levels)))
    (step,) = (step for step in steps(recipe) if step.asset == "fragments")
    assert step.most == Most(rows=120, calls=calls)


def test_each_level_gives_its_fragment_of_every_document() -> None:
    result = extract(DOCUMENTS, fragments(per_document=3), ScriptedWriter(first_words), 7)
    assert result.model is Fragment
    chosen = {text: row_seed(7, "sentence", digest(text)) for text in (PESTO, LOVELACE, RYE)}
    assert set(result.kept.select("document", "level", "text").rows()) == {
        (digest(PESTO), "keywords", "Pesto, sauce, Genoa"),
        (digest(PESTO), "sentence", random_sentence(PESTO, chosen[PESTO])),
        (digest(PESTO), "model", "Pesto is a"),
        (digest(LOVELACE), "keywords", keywords(LOVELACE, 5, 2)),
        (digest(LOVELACE), "sentence", random_sentence(LOVELACE, chosen[LOVELACE])),
        (digest(LOVELACE), "model", "Ada Lovelace was"),
        (digest(RYE), "keywords", keywords(RYE, 5, 2)),
        (digest(RYE), "sentence", random_sentence(RYE, chosen[RYE])),
        (digest(RYE), "model", "Rye is a"),
    }
    assert outcomes(result) == [("kept", None)] * 9


def test_a_fragment_descends_from_its_document_and_at_model_level_from_the_call() -> None:
    writer = ScriptedWriter(first_words)
    result = extract(DOCUMENTS.head(1), fragments(per_document=3), writer, 7)
    prompt = writer.asked[0][0][0]
    parents = {
        "keywords": [(digest(PESTO), "document")],
        "sentence": [(digest(PESTO), "document")],
        "model": [(digest(PESTO), "document"), (call_of(prompt), "call")],
    }
    for row in result.kept.iter_rows(named=True):
        assert edges_of(result, row["id"]) == parents[row["level"]]
        content = {"document": row["document"], "level": row["level"], "text": row["text"]}
        assert row["id"] == record_id("fragment", content, parents[row["level"]])
    assert len(result.edges) == 4


def test_every_answer_of_the_model_gets_its_outcome() -> None:
    script = {
        PESTO: (" A sauce.\n\nFrom  Gen", False, None),
        LOVELACE: (" \n", False, None),
        RYE: ("", True, "out of memory"),
    }
    writer = ScriptedWriter(lambda prompt: script[prompt.messages[0][1].split("\n\n")[0]])
    result = extract(DOCUMENTS, fragments("model"), writer, 7)
    assert result.kept.select("document", "level", "text").rows() == [(digest(PESTO), "model", "A sauce. From Gen")]
    assert outcomes(result) == [
        ("kept", None),
        ("rejected", "nothing extracted"),
        ("failed", "out of memory"),
    ]
    assert [json.loads(content) for content in result.dropped["content"]] == [
        {"document": digest(LOVELACE), "level": "model", "text": ""},
        {"document": digest(RYE), "level": "model", "text": ""},
    ]
    prompts = writer.asked[0][0]
    for number, child in enumerate(result.decisions["record"]):
        assert edges_of(result, child) == [
            (DOCUMENTS["id"][number], "document"),
            (call_of(prompts[number]), "call"),
        ]


def test_an_extraction_without_a_letter_or_digit_is_none() -> None:
    result = extract(DOCUMENTS.head(1), fragments("model"), ScriptedWriter(lambda _: ("—", True, None)), 7)
    assert outcomes(result) == [("rejected", "nothing extracted")]


def test_a_document_without_words_gives_no_keywords() -> None:
    documents = pl.DataFrame({"id": [digest("dots")], "text": ["..."]})
    result = extract(documents, fragments("keywords"), ScriptedWriter(first_words), 7)
    assert outcomes(result) == [("rejected", "nothing extracted")]


@settings(deadline=None, max_examples=30)
@given(order=st.permutations(range(3)), count=st.integers(1, 3), seed=st.integers(0, 2**40))
def test_a_documents_fragments_depend_on_no_other_document(order: list[int], count: int, seed: int) -> None:
    def cut(documents: pl.DataFrame) -> Result:
        return extract(documents, fragments(per_document=2), ScriptedWriter(first_words), seed)

    whole = cut(DOCUMENTS)
    some = DOCUMENTS[order[:count]]
    alone = cut(some)
    expected = whole.kept.filter(pl.col("document").is_in(some["id"].to_list()))
    assert set(alone.kept.rows()) == set(expected.rows())
    assert len(alone.decisions) == 2 * count


def test_two_runs_are_equal() -> None:
    one, other = (extract(DOCUMENTS, fragments(per_document=2), ScriptedWriter(first_words), 7) for _ in range(2))
    assert one.kept.equals(other.kept)
    assert one.decisions.equals(other.decisions)
    assert one.edges.equals(other.edges)
