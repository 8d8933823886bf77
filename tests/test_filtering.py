"""Filtering decides which pairs a student ever sees. Every rule is held to its exact fault at its edge, and the whole
gate to a ledger that closes, and to the promise that a new cut re-decides and changes no record."""

from __future__ import annotations

import math
from collections.abc import Sequence

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.enhancement.filtering import decide
from assets.enhancement.heuristics import Fault, copied_share, fault, repeated_line_share
from assets.enhancement.perplexity import cut_for, measure, measured_text
from assets.recipe import Heuristics, PerplexityFilter
from resources.calls import Prompt, TokenLoss
from warehouse.identity import digest, record_id
from warehouse.records import Perplexity
from warehouse.result import Result

RULES = Heuristics(instruction_words=(3, 6), response_words=(4, 8), most_repeated_line=0.5, copied_words=0.75)
WORDS = st.lists(st.sampled_from(["a", "b", "c", "aa", "A"]), max_size=8)
LINES = st.lists(st.sampled_from(["", " ", "a", " a ", "b", "c"]), max_size=10)


@pytest.mark.parametrize(
    ("instruction", "response", "expected"),
    [
        ("what is", "pesto is a sauce", Fault("instruction too short", 2, 3)),
        ("", "pesto is a sauce", Fault("instruction too short", 0, 3)),
        ("what is it", "pesto is a sauce", None),
        ("what is it to you now", "pesto is a sauce", None),
        ("what is it to you right now", "pesto is a sauce", Fault("instruction too long", 7, 6)),
        ("what is it", "pesto or so", Fault("response too short", 3, 4)),
        ("what is it", "one two three four five six seven eight", None),
        (
            "what is it",
            "one two three four five six seven eight nine",
            Fault("response too long", 9, 8),
        ),
        ("what is it", "one\none\ntwo\nthree", None),
        ("what is it", "one\n\n one \none\ntwo", Fault("response repeats a line", 0.75, 0.5)),
        ("pesto is a herb", "pesto is a sauce", None),
        ("Pesto is a sauce", "so pesto is a sauce", Fault("instruction copied from the response", 1.0, 0.75)),
        ("is a sauce", "pesto is a sauce", Fault("instruction copied from the response", 1.0, 0.75)),
    ],
)
def test_a_rule_is_broken_beyond_its_edge_only(instruction: str, response: str, expected: Fault | None) -> None:
    assert fault(instruction, response, RULES) == expected


def test_the_first_broken_rule_counts() -> None:
    assert fault("what", "one\none", RULES) == Fault("instruction too short", 1, 3)
    assert fault("one one one", "one\none", RULES) == Fault("response too short", 2, 4)
    assert fault("one one one", "one one one\none one one", RULES) == Fault("response repeats a line", 1.0, 0.5)


def test_the_worked_example_breaks_no_length_rule() -> None:
    assert fault("What is it?", "It is. It is. It is.", Heuristics()) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0.0),
        ("\n \n", 0.0),
        ("a", 0.0),
        ("a\nb\nc", 0.0),
        ("a\nb\n a \n\nc", 0.5),
        ("a\na", 1.0),
        ("a\nA\nb", 0.0),
    ],
)
def test_the_share_of_the_most_frequent_line_ignores_blank_lines_and_margins(text: str, expected: float) -> None:
    assert repeated_line_share(text) == expected


@given(lines=LINES)
def test_the_share_of_a_repeated_line_is_that_of_a_plain_count(lines: list[str]) -> None:
    full = [line.strip() for line in lines if line.strip()]
    most = max((full.count(line) for line in full), default=0)
    assert repeated_line_share("\n".join(lines)) == (most / len(full) if most > 1 else 0.0)


@given(lines=LINES, data=st.data())
def test_the_order_of_lines_does_not_matter(lines: list[str], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(lines))
    assert repeated_line_share("\n".join(lines)) == repeated_line_share("\n".join(shuffled))


@pytest.mark.parametrize(
    ("instruction", "response", "expected"),
    [
        ("", "pesto", 0.0),
        ("pesto", "", 0.0),
        ("Pesto IS a", "pesto is\n a sauce", 1.0),
        ("what is a sauce", "pesto is a sauce", 0.75),
        ("is pesto a sauce", "pesto is a sauce", 0.5),
        ("art", "the start", 0.0),
        ("sauce", "a sauce.", 0.0),
    ],
)
def test_the_copied_share_is_that_of_the_longest_run_of_whole_words(
    instruction: str, response: str, expected: float
) -> None:
    assert copied_share(instruction, response) == expected


@given(instruction=WORDS, response=WORDS)
def test_the_copied_share_is_that_of_a_plain_search(instruction: list[str], response: list[str]) -> None:
    words, text = [word.lower() for word in instruction], [word.lower() for word in response]
    runs = {tuple(text[start:end]) for start in range(len(text)) for end in range(start + 1, len(text) + 1)}
    longest = max(
        (
            end - start
            for start in range(len(words))
            for end in range(start + 1, len(words) + 1)
            if tuple(words[start:end]) in runs
        ),
        default=0,
    )
    expected = longest / len(words) if words else 0.0
    assert copied_share(" ".join(instruction), " ".join(response)) == expected


@given(text=st.text())
def test_a_text_is_wholly_copied_from_itself(text: str) -> None:
    assert copied_share(text, text) == (1.0 if text.split() else 0.0)


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
    """Gives the losses of its script in turn, and records what it was asked."""

    def __init__(self, *losses: TokenLoss) -> None:
        self.script = losses
        self.asked: list[list[tuple[Prompt, str]]] = []

    def losses(self, texts: Sequence[tuple[Prompt, str]]) -> list[TokenLoss]:
        self.asked.append(list(texts))
        return list(self.script[: len(texts)])


def pair(number: int, instruction: str = "what is that", response: str = "it is a thing") -> dict[str, str]:
    return {
        "id": digest(["pair", number]),
        "method": "self_training",
        "level": "",
        "instruction": f"{instruction} {number}",
        "input": "",
        "response": response,
    }


def perplexities(of: dict[int, float]) -> pl.DataFrame:
    rows = [
        {
            "id": digest(["perplexity", number]),
            "pair": pair(number)["id"],
            "measure": "response_given_instruction",
            "perplexity": value,
            "tokens": 4,
        }
        for number, value in of.items()
    ]
    return pl.DataFrame(rows)


def test_a_perplexity_is_the_exponential_of_the_mean_loss() -> None:
    reader = ScriptedReader(
        TokenLoss(math.log(5), 4, digest("call 0")),
        TokenLoss(0.0, 0, digest("call 1"), "the text has 9000 tokens, at most 2048 fit"),
        TokenLoss(0.0, 7, digest("call 2")),
    )
    result = measure(pl.DataFrame([pair(0), pair(1), pair(2)]), "response_given_instruction", reader)
    assert reader.asked == [[(Prompt.ask(f"what is that {n}"), "it is a thing") for n in range(3)]]
    assert result.model is Perplexity
    assert result.kept.drop("id").rows() == [
        (pair(0)["id"], "response_given_instruction", pytest.approx(5.0), 4),
        (pair(2)["id"], "response_given_instruction", 1.0, 7),
    ]
    assert result.decisions.select("outcome", "reason").rows() == [
        ("kept", None),
        ("kept", None),
        ("failed", "the text has 9000 tokens, at most 2048 fit"),
    ]
    assert set(result.edges.select("parent", "role").rows()) == {
        *((pair(number)["id"], "measured") for number in range(3)),
        *((digest(f"call {number}"), "call") for number in range(3)),
    }


def test_the_id_of_a_perplexity_hashes_its_measure_pair_and_call() -> None:
    frame = pl.DataFrame([pair(0)])
    result = measure(frame, "response_alone", ScriptedReader(TokenLoss(0.0, 7, digest("call"))))
    content = {"pair": pair(0)["id"], "measure": "response_alone", "perplexity": 1.0, "tokens": 7}
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


def frame(*pairs: dict[str, str]) -> dict[str, pl.DataFrame]:
    return {"self_training": pl.DataFrame(pairs)}


def rows(result: Result) -> list[tuple[object, ...]]:
    return result.decisions.select("record", "outcome", "reason", "score", "cut").rows()


def test_heuristics_come_first_and_the_cut_is_taken_over_those_that_pass() -> None:
    pairs = [pair(number) for number in range(4)]
    broken = [pair(4, instruction="what"), pair(5, instruction="what")]
    measured = {"self_training": perplexities({0: 40.0, 1: 3.0, 2: 9.0, 3: 5.0, 4: 1.0, 5: 1.0})}
    result = decide(frame(*broken[:1], *pairs, *broken[1:]), measured, RULES, PerplexityFilter(keep=0.75))
    assert rows(result) == [
        (pairs[1]["id"], "kept", None, 3.0, 9.0),
        (pairs[2]["id"], "kept", None, 9.0, 9.0),
        (pairs[3]["id"], "kept", None, 5.0, 9.0),
        (broken[0]["id"], "rejected", "instruction too short", 2.0, 3.0),
        (broken[1]["id"], "rejected", "instruction too short", 2.0, 3.0),
        (pairs[0]["id"], "rejected", "perplexity", 40.0, 9.0),
    ]
    assert result.kept.rows(named=True) == pairs[1:]
    assert result.notes == {"perplexity cut": 9.0}


def test_a_pair_whose_perplexity_is_missing_fails_and_moves_no_cut() -> None:
    measured = {"self_training": perplexities({0: 3.0, 2: 5.0})}
    result = decide(frame(pair(0), pair(1), pair(2)), measured, None, PerplexityFilter(keep=0.5))
    assert rows(result) == [
        (pair(0)["id"], "kept", None, 3.0, 3.0),
        (pair(1)["id"], "failed", "its perplexity could not be measured", None, None),
        (pair(2)["id"], "rejected", "perplexity", 5.0, 3.0),
    ]


def test_where_no_perplexity_could_be_measured_all_pairs_fail() -> None:
    measured = {"self_training": perplexities({0: 3.0}).clear()}
    result = decide(frame(pair(0), pair(1)), measured, None, PerplexityFilter(keep=0.5))
    assert result.counts() == {("failed", "its perplexity could not be measured"): 2}


def test_without_rules_every_pair_is_kept() -> None:
    result = decide(frame(pair(0), pair(1, instruction="")), {}, None, None)
    assert rows(result) == [
        (pair(0)["id"], "kept", None, None, None),
        (pair(1)["id"], "kept", None, None, None),
    ]


def test_with_heuristics_alone_no_perplexity_is_looked_at() -> None:
    result = decide(frame(pair(0), pair(1, response="no")), {}, RULES, None)
    assert rows(result) == [
        (pair(0)["id"], "kept", None, None, None),
        (pair(1)["id"], "rejected", "response too short", 1.0, 4.0),
    ]


def test_where_no_pair_passes_there_is_no_cut() -> None:
    result = decide(frame(pair(0, response="no")), {}, RULES, PerplexityFilter(keep=0.5))
    assert result.counts() == {("rejected", "response too short"): 1}
    assert len(result.kept) == 0


def test_the_cut_is_the_same_for_all_methods_of_an_arm() -> None:
    pools = {"self_training": pl.DataFrame([pair(0), pair(1)]), "self_instruct": pl.DataFrame([pair(2), pair(3)])}
    measured = {
        "self_training": perplexities({0: 3.0, 1: 4.0}),
        "self_instruct": perplexities({2: 30.0, 3: 40.0}),
    }
    result = decide(pools, measured, None, PerplexityFilter(keep=0.5))
    assert result.kept["id"].to_list() == [pair(0)["id"], pair(1)["id"]]


@settings(deadline=None)
@given(
    values=st.lists(st.none() | st.floats(1, 100), min_size=1, max_size=12),
    short=st.sets(st.integers(0, 11)),
    keeps=st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)),
)
def test_the_ledger_closes_and_another_cut_changes_no_id(
    values: list[float | None], short: set[int], keeps: tuple[float, float]
) -> None:
    pairs = [pair(number, response="no" if number in short else "it is a thing") for number in range(len(values))]
    known = {number: value for number, value in enumerate(values) if value is not None}
    measured = {"self_training": perplexities(known or {0: 1.0}).head(len(known))}
    loose, strict = (
        decide(frame(*pairs), measured, RULES, PerplexityFilter(keep=keep)) for keep in sorted(keeps, reverse=True)
    )
    for result in (loose, strict):
        assert sum(result.counts().values()) == len(pairs)
        assert sorted(result.decisions["record"]) == sorted(pair["id"] for pair in pairs)
        assert len(result.kept) + len(result.dropped) == len(pairs)
        assert len(result.edges) == 0
    assert set(strict.kept["id"]) <= set(loose.kept["id"])
    failed = [result.decisions.filter(pl.col("outcome") == "failed")["record"] for result in (loose, strict)]
    assert failed[0].to_list() == failed[1].to_list()
