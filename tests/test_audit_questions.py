"""The four questions of an auditor, on a warehouse small enough to know every answer by heart: why a row is there, why
one is not, what came of something, what changed between two versions."""

from __future__ import annotations

from pathlib import Path

import pytest
from versions import call_of, documents, named, pairs, publish

from warehouse.audit.diff import OtherAssets, diff
from warehouse.audit.finding import Ambiguous, Unknown, find
from warehouse.audit.nodes import Decided
from warehouse.audit.trace import trace
from warehouse.audit.why import why
from warehouse.audit.why_not import quarantined, why_not
from warehouse.database import Database
from warehouse.export import record_export
from warehouse.lineage import Link
from warehouse.records import Pair
from warehouse.result import Gate
from warehouse.store import Published, Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(Database(tmp_path / "warehouse.duckdb"))


def text(store: Store, asset: str) -> dict[str, str]:
    """Ids of the kept rows of an asset by their main text."""
    published = store.current(asset)
    assert published is not None
    frame = store.read(published)
    return dict(zip(frame["response" if "response" in frame.columns else "text"], frame["id"], strict=True))


def gated(store: Store, of: Published, version: str, cut: float) -> Published:
    """A gate that keeps pairs whose response has a score of at most `cut`, its place in the alphabet."""
    gate = Gate(Pair)
    for row in store.read(of).iter_rows(named=True):
        score = float(ord(row["response"][0]) - ord("a"))
        if row["response"] == "twin of a":
            gate.duplicate(row, text(store, "pairs")["a"], "similar instruction", score=0.95, cut=0.9)
        elif score > cut:
            gate.reject(row, "perplexity", score=score, cut=cut)
        else:
            gate.keep(row, score=score, cut=cut)
    return publish(store, "gated", version, gate.result(), pairs=of)


@pytest.fixture
def made(store: Store) -> Published:
    """Documents a, b, c, d and a twin of a; a pair of each; a gate that keeps a and b of these."""
    made_of = publish(store, "documents", "1", documents(["a", "b", "c", "d", "twin of a"], rejected=["lost"]))
    return gated(store, publish(store, "pairs", "2", pairs(store, made_of), documents=made_of), "3", 1.0)


def test_why_tells_the_ancestry_the_decisions_and_the_recipe(store: Store, made: Published) -> None:
    pair, document = text(store, "gated")["b"], text(store, "documents")["b"]
    found = why(store.database, pair[:8])
    assert found.row.id == pair
    assert found.links == tuple(
        sorted(
            [
                Link(pair, document, "document"),
                Link(pair, call_of(document), "call"),
                Link(document, "5" * 32, "source"),
            ]
        )
    )
    assert {(node.id, node.kind) for node in found.nodes.values()} == {
        (pair, "pair"),
        (document, "document"),
        (call_of(document), "unknown"),
        ("5" * 32, "unknown"),
    }
    assert found.nodes[document].says == {"source": "wiki", "title": "", "text": "b"}
    assert found.nodes[pair].decisions == (
        Decided("gated", named("3"), "kept", None, 1.0, 1.0, None, True),
        Decided("pairs", named("2"), "kept", None, None, None, None, True),
    )
    assert found.recipe == {"gated": {}, "pairs": {}}


def test_why_not_names_the_rule_the_score_and_the_cut(store: Store, made: Published) -> None:
    rejected = text(store, "pairs")["c"]
    (answer,) = why_not(store.database, rejected)
    assert answer.dropped == (Decided("gated", named("3"), "rejected", "perplexity", 2.0, 1.0, None, True),)
    assert [one.asset for one in answer.kept] == ["pairs"]


def test_why_not_finds_a_row_by_its_text_and_tells_what_it_repeats(store: Store, made: Published) -> None:
    answers = why_not(store.database, "twin of a")
    assert [(answer.row.kind, [one.outcome for one in answer.dropped]) for answer in answers] == [
        ("pair", ["duplicate"]),
        ("document", []),
    ]
    (twin,) = answers[0].twins.values()
    assert twin.id == text(store, "pairs")["a"] == answers[0].dropped[0].duplicate_of
    assert twin.says is not None
    assert twin.says["response"] == "a"


def test_why_not_finds_what_was_never_kept_and_part_of_a_text(store: Store, made: Published) -> None:
    (answer,) = why_not(store.database, "lost")
    assert answer.row.says == {"source": "wiki", "title": "", "text": "lost"}
    assert [(one.asset, one.reason) for one in answer.dropped] == [("documents", "too short")]
    assert [answer.row.id for answer in why_not(store.database, "LOS")] == [answer.row.id]
    with pytest.raises(Unknown) as unknown:
        why_not(store.database, "100%_of it")
    assert str(unknown.value) == ("no row has the id or says '100%_of it': searched 11 records, and all their texts")


def test_why_not_tells_of_versions_no_longer_in_force(store: Store, made: Published) -> None:
    gone = text(store, "documents")["d"]
    publish(store, "documents", "4", documents("ab"))
    (answer,) = why_not(store.database, gone)
    assert (answer.dropped, answer.kept) == ((), ())
    assert answer.before == (Decided("documents", named("1"), "kept", None, None, None, None, False),)


def test_quarantined_rows_are_shown_with_the_rule_that_they_break(store: Store) -> None:
    gate = Gate(Pair)
    gate.quarantine({"row": {"title": "x"}}, "field 'text' is absent or empty", [("5" * 32, "source")])
    publish(store, "raw", "1", gate.result())
    (answer,) = quarantined(store.database)
    assert answer.row.says == {"row": {"title": "x"}}
    assert [one.reason for one in answer.dropped] == ["field 'text' is absent or empty"]
    assert quarantined(store.database, "raw") == [answer]
    with pytest.raises(Unknown) as unknown:
        quarantined(store.database, "other")
    assert str(unknown.value) == "no asset 'other' was built here; built are: raw"


def test_trace_tells_what_came_of_a_row_down_to_exports(store: Store, made: Published) -> None:
    document, pair = text(store, "documents")["a"], text(store, "gated")["a"]
    record_export(store, made, Path("exports"), {})
    found = trace(store.database, document)
    assert found.by_kind == {"pair": [pair]}
    assert found.links == (Link(pair, document, "document"),)
    assert found.outcomes == {"documents": {"kept": 1}, "gated": {"kept": 1}, "pairs": {"kept": 1}}
    assert found.exports == (("gated", named("3"), "exports"),)
    assert trace(store.database, text(store, "documents")["c"]).exports == ()


def test_diff_tells_added_removed_and_decided_anew_with_the_reason(store: Store, made: Published) -> None:
    before = store.current("pairs")
    assert before is not None
    gated(store, before, "6", 2.0)
    found = diff(store.database, named("3"), "gated")
    assert (found.asset, found.before, found.after, found.because) == ("gated", named("3"), named("6"), ())
    (added,) = found.added
    assert added.record == text(store, "pairs")["c"]
    assert (added.before, added.after) == (
        Decided("gated", named("3"), "rejected", "perplexity", 2.0, 1.0, None, False),
        Decided("gated", named("6"), "kept", None, 2.0, 2.0, None, True),
    )
    assert found.removed == ()
    # The cut is part of a decision: all other rows are decided anew, but for the duplicate.
    assert {row.record for row in found.decided_anew} == {text(store, "pairs")[one] for one in "abd"}
    back = diff(store.database, "gated", named("3"))
    assert [row.record for row in back.removed] == [added.record]


def test_diff_names_rows_that_one_side_never_met_and_other_inputs(store: Store, made: Published) -> None:
    fewer = publish(store, "documents", "4", documents("ab"))
    gated(store, publish(store, "pairs", "5", pairs(store, fewer), documents=fewer), "6", 0.0)
    found = diff(store.database, named("3"), named("6"))
    assert found.because == ("other rows of pairs",)
    assert [(row.says or {})["response"] for row in found.removed] == ["b"]
    assert {(row.says or {})["response"]: row.after for row in found.decided_anew if row.after is None} == {
        "c": None,
        "d": None,
        "twin of a": None,
    }
    with pytest.raises(OtherAssets) as refused:
        diff(store.database, "documents", "gated")
    assert str(refused.value) == (
        f"{named('4')} is a version of documents, {named('6')} one of gated: give two versions of one asset"
    )


def test_an_id_may_be_shortened_while_it_is_clear(store: Store, made: Published) -> None:
    publish(store, "other", "34", documents("z"))
    with store.database.read() as connection:
        assert find(connection, named("3")[:5], "version").name == "gated"
        with pytest.raises(Unknown) as unknown:
            find(connection, "abcdef", "record", "version")
        assert str(unknown.value) == "nothing is named 'abcdef': searched 12 records, 4 versions"
        with pytest.raises(Unknown, match="an id is at least 4 hex digits"):
            find(connection, "abc", "record")
    with store.database.write() as connection:
        connection.execute("INSERT INTO lineage.records VALUES ('abcd' || repeat('0', 28), 'pair', 'x', NULL)")
        connection.execute("INSERT INTO lineage.records VALUES ('abcd' || repeat('1', 28), 'pair', 'y', NULL)")
    with store.database.read() as connection, pytest.raises(Ambiguous) as ambiguous:
        find(connection, "abcd", "record")
    assert str(ambiguous.value) == (
        f"'abcd' may be any of 2: abcd{'0' * 28} (pair x), abcd{'1' * 28} (pair y); give more of the id"
    )
