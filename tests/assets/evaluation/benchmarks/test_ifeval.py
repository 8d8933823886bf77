"""IFEval is a benchmark of verifiable instructions: programs decide its scores, and never chance. These tests give each
of its 25 verifiers one answer that follows the instruction and one that does not. They check that strict and loose
scores follow the published library, and that an item that cannot be verified is quarantined instead of scored 0."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assets.evaluation.benchmarks import ifeval
from assets.evaluation.benchmarks.ifeval import example, judged, library, verify
from tests.support.building import build, edit, query
from tests.support.recipes import complaints
from tests.support.tiny import SHARED
from warehouse.core.identity import digest

PROMPTS = SHARED / "data" / "ifeval_prompts.jsonl"
LONG = "It rains today. We stay inside. The cat sleeps."

# Instruction, its arguments, an answer that follows it, and one that does not.
CASES: list[tuple[str, dict[str, Any], str, str]] = [
    ("keywords:existence", {"keywords": ["basil", "oil"]}, "Crush the basil in oil.", "Crush the basil."),
    ("keywords:frequency", {"keyword": "oil", "frequency": 2, "relation": "at least"}, "Oil and oil.", "Oil alone."),
    ("keywords:forbidden_words", {"forbidden_words": ["salt"]}, "Add pepper.", "Add salt."),
    (
        "keywords:letter_frequency",
        {"letter": "z", "let_frequency": 2, "let_relation": "at least"},
        "Pizza",
        "Zero",
    ),
    (
        "language:response_language",
        {"language": "de"},
        "Das Wetter ist heute sehr schön, und wir gehen spazieren.",
        "The weather is very nice today, and we go for a walk.",
    ),
    ("length_constraints:number_sentences", {"num_sentences": 3, "relation": "at least"}, LONG, "It rains. We stay."),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "One.\n***\nTwo.", "One and two."),
    ("length_constraints:number_words", {"num_words": 4, "relation": "less than"}, "Only three words", LONG),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "then"},
        "First we wait.\n\nThen we go.",
        "First we wait.\n\nNow we go.",
    ),
    ("detectable_content:number_placeholders", {"num_placeholders": 2}, "Dear [name], see [place].", "Dear [name]."),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, "Bye.\nP.S. Call me.", "Bye. Call me."),
    ("detectable_format:number_bullet_lists", {"num_bullets": 2}, "* one\n* two", "* one"),
    ("detectable_format:constrained_response", {}, "My answer is yes.", "I think so."),
    ("detectable_format:number_highlighted_sections", {"num_highlights": 2}, "*one* and *two*", "*one* and two"),
    (
        "detectable_format:multiple_sections",
        {"section_spliter": "SECTION", "num_sections": 2},
        "SECTION 1\nOne.\nSECTION 2\nTwo.",
        "SECTION 1\nOne.",
    ),
    ("detectable_format:json_format", {}, '{"a": 1}', "a is 1"),
    ("detectable_format:title", {}, "<<Rain>>\nIt rains.", "Rain\nIt rains."),
    ("combination:two_responses", {}, "Yes.\n******\nNo.", "Yes. No."),
    ("combination:repeat_prompt", {"prompt_to_repeat": "Why rain?"}, "Why rain? Clouds.", "Clouds."),
    ("startend:end_checker", {"end_phrase": "That is all."}, "It rains. That is all.", "That is all. It rains."),
    (
        "change_case:capital_word_frequency",
        {"capital_frequency": 2, "capital_relation": "at least"},
        "VERY loud NOISE",
        "VERY loud noise",
    ),
    ("change_case:english_capital", {}, "THE WEATHER IS NICE TODAY AND WE WALK", "The weather is nice today"),
    ("change_case:english_lowercase", {}, "the weather is nice today and we walk", "The weather is nice today"),
    ("punctuation:no_comma", {}, "Salt and pepper.", "Salt, pepper."),
    ("startend:quotation", {}, '"It rains."', "It rains."),
]


def row(*ids: str, kwargs: list[dict[str, Any]] | None = None, prompt: str = "p") -> str:
    given = kwargs or [{} for _ in ids]
    return json.dumps({"key": 1, "prompt": prompt, "instruction_id_list": ids, "kwargs": given})


def test_every_verifier_has_a_case() -> None:
    assert [name for name, *_ in CASES] == list(library().instructions_registry.INSTRUCTION_DICT)


@pytest.mark.parametrize(("name", "options", "follows", "violates"), CASES, ids=[case[0] for case in CASES])
def test_a_verifier_accepts_the_right_answer_and_rejects_the_wrong_one(
    name: str, options: dict[str, Any], follows: str, violates: str
) -> None:
    details = row(name, kwargs=[options])
    assert verify(follows, details) == {"prompt_strict": 1.0, "prompt_loose": 1.0}
    assert verify(violates, details) == {"prompt_strict": 0.0, "prompt_loose": 0.0}


def test_a_prompt_counts_only_if_all_its_instructions_are_followed() -> None:
    details = row("punctuation:no_comma", "startend:quotation")
    assert verify('"It rains."', details)["prompt_strict"] == 1.0
    assert verify("It rains.", details)["prompt_strict"] == 0.0


def test_loose_scoring_ignores_a_first_line_a_last_line_and_asterisks() -> None:
    details = row("startend:quotation")
    for answer in ('*"Yes."*', 'Here it is:\n"Yes."', '"Yes."\nI hope that helps!', 'Well:\n"Yes."\nBye.'):
        assert verify(answer, details) == {"prompt_strict": 0.0, "prompt_loose": 1.0}
    assert verify("", details) == {"prompt_strict": 0.0, "prompt_loose": 0.0}


def test_sentences_are_split_as_by_an_untrained_punkt_tokenizer() -> None:
    details = row("length_constraints:number_sentences", kwargs=[{"relation": "at least", "num_sentences": 2}])
    assert verify("It rains. We stay.", details)["prompt_strict"] == 1.0
    assert verify("It rains and we stay.", details)["prompt_strict"] == 0.0


def test_language_detection_of_an_ambiguous_text_is_deterministic() -> None:
    details = row("language:response_language", kwargs=[{"language": "en"}])
    assert len({verify("no la me so tu", details)["prompt_strict"] for _ in range(20)}) == 1


def test_none_values_in_kwargs_are_ignored() -> None:
    details = row("punctuation:no_comma", kwargs=[{"num_words": None}])
    assert verify("Yes, no", details) == {"prompt_strict": 0.0, "prompt_loose": 0.0}


@pytest.mark.parametrize(
    ("details", "reason"),
    [
        ("", "not a row of IFEval: JSONDecodeError Expecting value: line 1 column 1 (char 0)"),
        ("[]", "not a row of IFEval: TypeError list indices must be integers or slices, not str"),
        ("{}", "not a row of IFEval: KeyError 'instruction_id_list'"),
        (row(), "not a row of IFEval: 0 instructions with 0 kwargs"),
        (row("no:such"), "unknown instruction 'no:such'"),
        # The library would choose a random number of words.
        (row("length_constraints:number_words"), "length_constraints:number_words lacks num_words, relation"),
    ],
)
def test_an_item_that_cannot_be_verified_is_quarantined_with_the_reason(details: str, reason: str) -> None:
    item = digest("item")
    predictions = pl.DataFrame(
        {"id": [digest("p")], "benchmark": "ifeval", "arm": "base", "seed": [None], "item": item, "text": "Yes"}
    )
    result = judged(predictions, pl.DataFrame({"id": [item], "details": [details]}))
    assert result.counts() == {("quarantined", reason): 2}


@pytest.mark.parametrize("letter", ["#", "!"])
def test_a_character_that_is_not_a_letter_is_rejected_and_not_replaced_at_random(letter: str) -> None:
    """Two published prompts use such a character; the library then counts a random letter instead."""
    details = row(
        "keywords:letter_frequency", kwargs=[{"letter": letter, "let_frequency": 4, "let_relation": "at least"}]
    )
    with pytest.raises(
        ValueError, match="a verifier refused: ValueError the row leaves to chance a value that the verifier needs"
    ):
        verify("four of them: ####", details)


def test_a_verifier_that_rejects_its_arguments_is_an_error_with_the_reason() -> None:
    details = row("length_constraints:number_words", kwargs=[{"num_words": 3, "relation": "about"}])
    with pytest.raises(ValueError, match=r"^a verifier refused: ValueError "):
        verify("Yes", details)


@pytest.mark.skipif(not PROMPTS.exists(), reason="the published prompts are not there")
def test_every_published_prompt_but_two_can_be_verified() -> None:
    lines = PROMPTS.read_text().splitlines()
    assert len(lines) == 541
    left_to_chance = []
    for line in lines:
        given = example(line)
        assert len(given.kwargs) == len(given.instruction_id_list)
        try:
            assert verify("It rains.", line)["prompt_strict"] in (0.0, 1.0)
        except ValueError as error:
            assert "leaves to chance" in str(error)
            left_to_chance.append(given.key)
    assert left_to_chance == [1122, 1129]


def test_a_missing_package_is_reported_with_the_install_command(monkeypatch: pytest.MonkeyPatch) -> None:
    added = ("evaluation.ifeval", {"answer": {"max_new_tokens": 8}})
    lacking = (
        "evaluation.ifeval: found 'no package lm_eval'; the verifiers are in this package; install it with: "
        "pip install 'slingshot[lm_eval]'"
    )
    assert lacking not in complaints(added)
    monkeypatch.setattr(ifeval, "find_spec", lambda name: None)
    assert lacking in complaints(added)


def test_adding_ifeval_scores_every_arm_and_trains_nothing_again(own: tuple[Path, Path]) -> None:
    recipe, data = own
    prompts = recipe.parent / "prompts.jsonl"
    asked = [
        {"key": place, "prompt": f"say what {place} is", "instruction_id_list": [name], "kwargs": [{}]}
        for place, name in enumerate(["punctuation:no_comma", "detectable_format:title", "no:such"])
    ]
    prompts.write_text("".join(json.dumps(one) + "\n" for one in asked))

    def add(values: dict[str, Any]) -> None:
        from warehouse.core.identity import file_digest

        described = {"address": f"path:{prompts}", "sha256": file_digest(prompts), "licence": "CC0-1.0"}
        values["sources"]["ifeval"] = described | {"origin": "human"}
        fields = {"instruction": "{prompt}", "details": "{*:json}"}
        values["benchmark_items"].append({"benchmark": "ifeval", "source": "ifeval", "count": 3, "fields": fields})
        values["evaluation"]["ifeval"] = {"answer": {"max_new_tokens": 4}}

    edit(recipe, add)
    log, failures = build(recipe, data)
    assert failures == []
    assert sum(calls for asset, calls in log.computed.items() if not asset.startswith("predictions/ifeval/")) == 0
    assert log.computed["predictions/ifeval/base"] == 3
    scores = query(data, "SELECT s.metric, avg(value) AS share FROM scores__ifeval__base s GROUP BY 1 ORDER BY 1")
    assert scores.rows() == [("prompt_loose", 0.5), ("prompt_strict", 0.5)]
    ledger = query(data, "SELECT kept, quarantined FROM lineage.ledger WHERE asset = 'scores/ifeval/base'")
    assert ledger.rows() == [(4, 2)]
    board = query(data, "SELECT DISTINCT metric, unit, better FROM leaderboard WHERE benchmark = 'ifeval' ORDER BY 1")
    assert board.rows() == [("prompt_loose", "%", "higher"), ("prompt_strict", "%", "higher")]
