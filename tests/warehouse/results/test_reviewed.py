"""A person's decision must override the rules exactly where it should, and the ledger must still close."""

from __future__ import annotations

from datetime import datetime

from warehouse.core.identity import record_id
from warehouse.lineage.reviews import Review, reviews_digest
from warehouse.results.checks import ledger
from warehouse.results.result import Gate, Result
from warehouse.results.reviewed import reviewed
from warehouse.results.shortage import deciding_key
from warehouse.schema.records import Pair

SOURCE = [("a" * 32, "document")]


def pair(number: int) -> dict[str, str]:
    return {"method": "m", "level": "", "instruction": f"ask {number}", "input": "", "response": f"say {number}"}


def result() -> tuple[Result, list[str]]:
    """Rows 0 and 1 are kept, 2 is rejected, 3 repeats row 0."""
    gate = Gate(Pair, 4)
    ids = [gate.keep(pair(0), SOURCE), gate.keep(pair(1), SOURCE)]
    ids.append(gate.reject(pair(2), "too short", SOURCE, score=1.0, cut=3.0))
    ids.append(gate.duplicate(pair(3), ids[0], "equal", SOURCE))
    return gate.result(), ids


def review(record: str, verdict: str, content: dict[str, str] | None = None, reason: str = "why") -> Review:
    name = f"{verdict} {record} {reason}"
    return Review(name, record, "pair", verdict, content, ("raw_m",), "ann", reason, datetime(2026, 1, 1))


def outcomes(found: Result) -> list[tuple[str, str, str | None]]:
    return [(row["record"], row["outcome"], row["reason"]) for row in found.decisions.iter_rows(named=True)]


def applied(found: Result, *reviews: Review) -> Result:
    return reviewed(found, reviews, {one.id for one in reviews})


def test_each_verdict_decides_in_place_of_the_rules_and_the_ledger_closes() -> None:
    found, (first, second, short, copy) = result()
    edited = pair(9)
    new = record_id("pair", edited, [(first, "edited")])
    after = applied(found, review(first, "edit", edited), review(second, "reject"), review(short, "accept"))
    assert after.kept["id"].to_list() == [new, short]
    assert after.kept["instruction"].to_list() == ["ask 9", "ask 2"]
    assert outcomes(after) == [
        (new, "kept", "edited by a person: why"),
        (short, "kept", "accepted by a person: why"),
        (first, "rejected", "replaced by an edit: why"),
        (second, "rejected", "rejected by a person: why"),
        (copy, "duplicate", "equal"),
    ]
    assert after.decisions.filter(record=short).row(0)[3:5] == (1.0, 3.0)
    assert after.edges.rows()[-1] == (new, first, "edited")
    assert set(after.dropped["id"]) == {first, second, copy}
    assert (after.incoming, ledger(after).passed) == (5, True)


def test_an_edit_of_an_edit_replaces_the_edited_row() -> None:
    found, (first, *_) = result()
    one, two = pair(8), pair(9)
    middle = record_id("pair", one, [(first, "edited")])
    last = record_id("pair", two, [(middle, "edited")])
    after = applied(found, review(first, "edit", one), review(middle, "edit", two, "again"))
    assert after.kept["id"].to_list()[0] == last
    assert dict((row, outcome) for row, outcome, _ in outcomes(after))[middle] == "rejected"
    assert ledger(after).passed


def test_where_the_row_is_not_made_only_what_keeps_a_row_applies() -> None:
    found, (first, second, short, copy) = result()
    reviews = [review(first, "reject"), review(short, "accept"), review(copy, "accept")]
    after = reviewed(found, reviews, set())
    assert after.kept["id"].to_list() == [first, second, short]
    assert ledger(after).passed


def test_reviews_of_other_rows_change_nothing() -> None:
    found, _ = result()
    after = applied(found, *(review("f" * 32, verdict, pair(9)) for verdict in ("accept", "reject", "edit")))
    assert outcomes(after) == outcomes(found)
    assert (after.data_version, after.incoming) == (found.data_version, 4)


def test_a_person_is_no_rule_of_the_recipe() -> None:
    remedies = {"": "enhancement.heuristics"}
    assert deciding_key(remedies, "rejected", "too short") == "enhancement.heuristics"
    assert deciding_key(remedies, "rejected", "rejected by a person: too short") == ""


def test_equal_decisions_of_other_people_give_the_same_version() -> None:
    first, other = review("a" * 32, "reject"), review("a" * 32, "reject", reason="other")
    bob = Review(**{**first.__dict__, "id": "x", "reviewer": "bob", "reviewed_at": datetime(2027, 1, 1)})
    assert reviews_digest([first]) == reviews_digest([bob])
    assert reviews_digest([first]) != reviews_digest([other])
