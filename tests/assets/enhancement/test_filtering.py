"""Filtering decides which pairs a student is trained on. So these tests check that every pair gets one decision, and
that a new cut changes decisions but no record."""

from __future__ import annotations

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.enhancement.filtering import decide
from assets.enhancement.measuring import limits
from assets.recipe.filters import AlignmentFilter, Heuristics, PerplexityFilter
from tests.support.measured import pair, perplexities
from tests.support.recipes import complaints
from warehouse.results.result import Result

RULES = Heuristics(instruction_words=(3, 6), response_words=(4, 8), most_repeated_line=0.5, copied_words=0.75)


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


def test_pairs_in_other_languages_and_with_personal_data_are_rejected_where_a_recipe_says_so() -> None:
    german = pair(0, response="Das ist eine Soße aus Genua, die aus Basilikum und Öl besteht.")
    address = pair(1, response="You can write to ann.lee@proton.me at any time of the day.")
    rules = Heuristics(languages=("en",), personal_data=("phone", "email"))
    assert [row[1:3] for row in rows(decide(frame(german, address), {}, rules, None))] == [
        ("rejected", "language: en → de"),
        ("rejected", "personal data in the response: email"),
    ]
    assert [row[1] for row in rows(decide(frame(german, address), {}, Heuristics(), None))] == ["kept", "kept"]


def test_an_unknown_language_or_kind_is_a_recipe_error() -> None:
    key = "enhancement.heuristics"
    assert complaints((key, {"languages": ["eng"], "personal_data": ["mail"]})) == [
        f"{key}.languages.0: found 'eng'; it must be the ISO 639 code of a language, such as en or de",
        f"{key}.personal_data.0: found 'mail'; there is no such value; did you mean 'email'? "
        "(known: card, email, iban, ip, phone)",
    ]


def test_a_pair_whose_perplexity_is_missing_fails_and_does_not_change_the_cut() -> None:
    measured = {"self_training": perplexities({0: 3.0, 2: 5.0})}
    result = decide(frame(pair(0), pair(1), pair(2)), measured, None, PerplexityFilter(keep=0.5))
    assert rows(result) == [
        (pair(0)["id"], "kept", None, 3.0, 3.0),
        (pair(1)["id"], "failed", "its perplexity could not be measured", None, None),
        (pair(2)["id"], "rejected", "perplexity", 5.0, 3.0),
    ]


def test_a_pair_without_a_perplexity_is_rejected_and_does_not_change_the_cut() -> None:
    measured = {"self_training": perplexities({0: 3.0, 1: None, 2: 5.0})}
    result = decide(frame(pair(0), pair(1), pair(2)), measured, None, PerplexityFilter(keep=0.5))
    assert rows(result) == [
        (pair(0)["id"], "kept", None, 3.0, 3.0),
        (pair(1)["id"], "rejected", "no perplexity", None, None),
        (pair(2)["id"], "rejected", "perplexity", 5.0, 3.0),
    ]
    ratios = {"self_training": perplexities({1: None}, "ifd")}
    ifd = decide(frame(pair(1)), ratios, None, PerplexityFilter(measure="ifd"))
    assert ifd.counts() == {("rejected", "no IFD"): 1}


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


def test_with_heuristics_alone_perplexity_is_not_used() -> None:
    result = decide(frame(pair(0), pair(1, response="so")), {}, RULES, None)
    assert rows(result) == [
        (pair(0)["id"], "kept", None, None, None),
        (pair(1)["id"], "rejected", "response too short", 1.0, 4.0),
    ]


def test_where_no_pair_passes_there_is_no_cut() -> None:
    result = decide(frame(pair(0, response="so")), {}, RULES, PerplexityFilter(keep=0.5))
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
def test_every_pair_gets_one_decision_and_another_cut_changes_no_id(
    values: list[float | None], short: set[int], keeps: tuple[float, float]
) -> None:
    pairs = [pair(number, response="so" if number in short else "it is a thing") for number in range(len(values))]
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


def test_ifd_above_1_is_rejected_and_of_the_rest_the_highest_are_kept() -> None:
    measured = {"self_training": perplexities({0: 1.25, 1: 0.5, 2: 1.0, 3: 0.75}, "ifd")}
    result = decide(frame(*(pair(n) for n in range(4))), measured, None, PerplexityFilter(measure="ifd", keep=0.67))
    assert rows(result) == [
        (pair(2)["id"], "kept", None, 1.0, 0.75),
        (pair(3)["id"], "kept", None, 0.75, 0.75),
        (pair(0)["id"], "rejected", "IFD too high", 1.25, 1.0),
        (pair(1)["id"], "rejected", "IFD", 0.5, 0.75),
    ]
    assert result.notes == {"IFD cut": 0.75}


def test_limits_come_before_the_share_and_work_without_one() -> None:
    measured = {"self_training": perplexities({0: 2.0, 1: 3.0, 2: 5.0, 3: 9.0})}
    settings = PerplexityFilter(at_least=2.5, at_most=8.0)
    result = decide(frame(*(pair(n) for n in range(4))), measured, None, settings)
    assert rows(result) == [
        (pair(1)["id"], "kept", None, 3.0, 5.0),
        (pair(2)["id"], "kept", None, 5.0, 5.0),
        (pair(0)["id"], "rejected", "perplexity too low", 2.0, 2.5),
        (pair(3)["id"], "rejected", "perplexity too high", 9.0, 8.0),
    ]
    none = decide(frame(pair(0)), measured, None, PerplexityFilter(at_least=2.5, keep=0.5))
    assert none.counts() == {("rejected", "perplexity too low"): 1}


def test_the_recipe_can_prefer_the_high_end() -> None:
    measured = {"self_training": perplexities({0: 2.0, 1: 3.0})}
    result = decide(frame(pair(0), pair(1)), measured, None, PerplexityFilter(keep=0.5, prefer="high"))
    assert result.kept["id"].to_list() == [pair(1)["id"]]


def test_the_alignment_is_filtered_after_the_perplexity_and_its_score_stays() -> None:
    perplexity = {"self_training": perplexities({0: 2.0, 1: 3.0, 2: 5.0, 3: 90.0})}
    gains = perplexities({0: -0.1, 1: 0.7, 2: 0.4, 3: 5.0}, "gain")
    other = perplexities(dict.fromkeys(range(4), 9.0), "similarity")  # another arm filters by it
    result = decide(
        frame(*(pair(n) for n in range(4))),
        perplexity,
        None,
        PerplexityFilter(keep=0.75),
        alignments={"self_training": pl.concat([gains, other])},
        alignment=AlignmentFilter(keep=0.5, at_least=0.0),
    )
    assert rows(result) == [
        (pair(1)["id"], "kept", None, 0.7, 0.7),
        (pair(3)["id"], "rejected", "perplexity", 90.0, 5.0),
        (pair(0)["id"], "rejected", "gain too low", -0.1, 0.0),
        (pair(2)["id"], "rejected", "gain", 0.4, 0.7),
    ]
    assert result.notes == {"perplexity cut": 5.0, "gain cut": 0.7}


def test_a_filter_that_drops_nothing_is_refused() -> None:
    (line,) = complaints(("enhancement.perplexity", {"measure": "response_alone"}))
    assert line == (
        "enhancement.perplexity: found nothing; it needs keep, at_most or at_least: without one it drops nothing"
    )
    assert limits(PerplexityFilter(measure="ifd")) == (None, 1.0)
    assert limits(PerplexityFilter(measure="ifd", at_most=0.9)) == (None, 0.9)
