"""Every row that enters a gate must leave it with exactly one outcome, or the audit has gaps that nobody sees. So the
ledger must close for any sequence of decisions, and each outcome must give these exact rows."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from warehouse.core.identity import digest, record_id
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Document, Fragment

SOURCE = ("5" * 32, "source")
OUTCOMES = {
    "keep": "kept",
    "reject": "rejected",
    "duplicate": "duplicate",
    "fail": "failed",
    "quarantine": "quarantined",
}


def document(text: str) -> dict[str, str]:
    return {"source": "wiki", "title": "", "text": text}


def id_of(text: str) -> str:
    return record_id("document", document(text), [SOURCE])


def occurrence(identity: str, number: int) -> str:
    return digest([identity, "occurrence", number])


def dropped(result: Result) -> dict[str, Any]:
    return {row_id: json.loads(content) for row_id, content in result.dropped.rows()}


def test_a_kept_row_is_a_record_with_the_id_of_its_content_and_parents() -> None:
    gate = Gate(Document)
    assert gate.keep(document("Genoa"), [SOURCE]) == id_of("Genoa")
    result = gate.result()
    assert result.kept.to_dicts() == [{"id": id_of("Genoa"), **document("Genoa")}]
    assert result.decisions.rows() == [(id_of("Genoa"), "kept", None, None, None, None)]
    assert result.edges.rows() == [(id_of("Genoa"), *SOURCE)]
    assert result.dropped.rows() == []


def test_every_outcome_is_recorded_with_its_reason_its_numbers_and_its_content() -> None:
    gate = Gate(Document)
    first = gate.keep(document("a"), [SOURCE], score=3, cut=2.5)
    gate.reject(document("b"), "too short", [SOURCE], score=1, cut=2)
    gate.duplicate(document("c"), first, "similar", [SOURCE], score=0.95, cut=0.9)
    gate.fail(document("d"), "timed out", [SOURCE])
    gate.quarantine(document("e"), "no text", [SOURCE])
    result = gate.result()
    assert result.decisions.rows() == [
        (id_of("a"), "kept", None, 3.0, 2.5, None),
        (id_of("b"), "rejected", "too short", 1.0, 2.0, None),
        (id_of("c"), "duplicate", "similar", 0.95, 0.9, id_of("a")),
        (id_of("d"), "failed", "timed out", None, None, None),
        (id_of("e"), "quarantined", "no text", None, None, None),
    ]
    assert dropped(result) == {id_of(text): document(text) for text in "bcde"}
    assert result.edges.rows() == [(id_of(text), *SOURCE) for text in "abcde"]


def test_kept_rows_stand_first_and_in_order_whatever_came_between() -> None:
    gate = Gate(Document)
    gate.reject(document("z"), "no", [SOURCE])
    gate.keep(document("b"), [SOURCE])
    gate.fail(document("y"), "no", [SOURCE])
    gate.keep(document("a"), [SOURCE])
    result = gate.result()
    assert result.kept["text"].to_list() == ["b", "a"]
    assert result.decisions["record"].to_list() == [id_of(text) for text in "bazy"]


def test_a_second_row_with_equal_content_is_a_duplicate_of_the_first_with_an_id_of_its_own() -> None:
    gate = Gate(Document)
    assert gate.keep(document("a"), [SOURCE]) == id_of("a")
    assert gate.keep(document("a"), [SOURCE], score=1.0) == occurrence(id_of("a"), 2)
    assert gate.keep(document("a"), [SOURCE]) == occurrence(id_of("a"), 3)
    result = gate.result()
    assert result.kept["id"].to_list() == [id_of("a")]
    assert result.decisions.rows()[1:] == [
        (occurrence(id_of("a"), number), "duplicate", "same content", None, None, id_of("a")) for number in (2, 3)
    ]
    assert dropped(result) == {occurrence(id_of("a"), number): document("a") for number in (2, 3)}
    assert result.edges.rows() == [
        (id_of("a"), *SOURCE),
        (occurrence(id_of("a"), 2), *SOURCE),
        (occurrence(id_of("a"), 3), *SOURCE),
    ]


def test_equal_content_of_other_parents_is_no_repetition() -> None:
    gate = Gate(Document)
    gate.keep(document("a"), [SOURCE])
    gate.keep(document("a"), [("6" * 32, "source")])
    assert gate.result().counts() == {("kept", ""): 2}


def test_two_rejected_rows_with_equal_content_are_two_decisions() -> None:
    gate = Gate(Document)
    gate.reject(document("a"), "too short", [SOURCE])
    gate.reject(document("a"), "too short", [SOURCE])
    decided = gate.result().decisions
    assert decided["record"].to_list() == [id_of("a"), occurrence(id_of("a"), 2)]
    assert decided["outcome"].to_list() == ["rejected", "rejected"]


def test_a_row_that_is_a_record_already_keeps_its_id_and_gets_no_edges() -> None:
    gate = Gate(Document)
    assert gate.keep({"id": "a" * 32, **document("a")}, [SOURCE]) == "a" * 32
    assert gate.reject({"id": "b" * 32, **document("b")}, "no", [SOURCE]) == "b" * 32
    result = gate.result()
    assert result.kept.to_dicts() == [{"id": "a" * 32, **document("a")}]
    assert dropped(result) == {"b" * 32: document("b")}
    assert result.edges.rows() == []


def test_a_record_that_passes_twice_is_kept_once() -> None:
    gate = Gate(Document)
    for _ in range(2):
        gate.keep({"id": "a" * 32, **document("a")})
    decided = gate.result().decisions.select("record", "outcome", "duplicate_of").rows()
    assert decided == [("a" * 32, "kept", None), (occurrence("a" * 32, 2), "duplicate", "a" * 32)]


def test_a_parent_that_is_named_twice_gives_one_edge() -> None:
    gate = Gate(Document)
    gate.keep(document("a"), [SOURCE, SOURCE])
    assert gate.result().edges.rows() == [(id_of("a"), *SOURCE)]


def test_a_gate_without_rows_gives_frames_with_every_column() -> None:
    result = Gate(Fragment).result()
    assert result.kept.schema == pl.Schema(dict.fromkeys(["id", "document", "level", "text"], pl.String))
    assert result.decisions.columns == ["record", "outcome", "reason", "score", "cut", "duplicate_of"]
    assert len(result.decisions) == len(result.dropped) == len(result.edges) == 0
    assert result.data_version == digest([])


def test_the_data_version_follows_from_the_kept_ids_in_order_alone() -> None:
    plain, judged, turned = Gate(Document), Gate(Document), Gate(Document)
    for text in "ab":
        plain.keep(document(text), [SOURCE])
    judged.reject(document("c"), "no", [SOURCE])
    for text in "ab":
        judged.keep(document(text), [SOURCE], score=0.5, cut=0.1)
    for text in "ba":
        turned.keep(document(text), [SOURCE])
    assert plain.result().data_version == digest([id_of("a"), id_of("b")])
    assert judged.result(notes={"cut": 1}).data_version == plain.result().data_version
    assert turned.result().data_version == digest([id_of("b"), id_of("a")])


def test_counts_name_outcome_and_reason_with_the_most_frequent_first() -> None:
    gate = Gate(Document)
    gate.keep(document("a"))
    gate.reject(document("b"), "too long")
    for text in "cd":
        gate.reject(document(text), "too short")
    assert list(gate.result().counts().items()) == [
        (("rejected", "too short"), 2),
        (("kept", ""), 1),
        (("rejected", "too long"), 1),
    ]


@given(rows=st.lists(st.tuples(st.sampled_from(sorted(OUTCOMES)), st.sampled_from("abcd"), st.booleans()), max_size=25))
def test_the_ledger_closes_for_any_rows(rows: list[tuple[str, str, bool]]) -> None:
    gate = Gate(Document)
    given_ids = []
    for verb, text, known in rows:
        row = {"id": text * 32, **document(text)} if known else document(text)
        more = {"duplicate": ["0" * 32, "similar"], "keep": []}.get(verb, ["because"])
        given_ids.append(getattr(gate, verb)(row, *more))
    result = gate.result()

    decided = result.decisions
    assert sum(result.counts().values()) == len(rows)
    assert sorted(decided["record"]) == sorted(set(given_ids)) == sorted(given_ids)
    assert set(decided["outcome"]) <= set(OUTCOMES.values())
    # Each row has the outcome of its verb, except a kept row with the content of an earlier one.
    outcome_of = dict(decided.select("record", "outcome").rows())
    met = set()
    for row_id, (verb, text, known) in zip(given_ids, rows, strict=True):
        repeated = verb == "keep" and (text, known) in met
        assert outcome_of[row_id] == ("duplicate" if repeated else OUTCOMES[verb])
        met.add((text, known))
    kept = len(result.kept)
    assert decided["record"].to_list()[:kept] == result.kept["id"].to_list()
    assert set(decided["outcome"][:kept]) <= {"kept"}
    assert "kept" not in set(decided["outcome"][kept:])
    assert decided["record"].to_list()[kept:] == result.dropped["id"].to_list()
    assert decided.filter(outcome="duplicate")["duplicate_of"].null_count() == 0
    assert decided.filter(pl.col("outcome") != "duplicate")["duplicate_of"].drop_nulls().is_empty()
