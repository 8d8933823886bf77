"""Why a row exists, what was made from it, and what changed between two versions, on a warehouse so small that every
answer is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.versions import (
    SOURCE,
    call_of,
    documents,
    gated,
    gated_pairs,
    ids_by_text,
    named,
    pairs,
    publish,
    rows,
)
from warehouse.audit.diff import diff
from warehouse.audit.finding import NotFound, find, searched
from warehouse.audit.nodes import Decided
from warehouse.audit.trace import trace
from warehouse.audit.why import RecipeSlice, why
from warehouse.core.errors import UserError
from warehouse.lineage.graph import Link
from warehouse.lineage.withdrawals import applied_digest
from warehouse.release.export import record_export
from warehouse.release.recall import find_affected, withdraw
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Document, Pair
from warehouse.store.calls import Answer, Call
from warehouse.store.memo import Memo
from warehouse.store.published import WITHDRAWALS, Effort, Published, Run, Target
from warehouse.store.versions import Store
from warehouse.store.warehouse import Warehouse


@pytest.fixture
def store(warehouse: Warehouse) -> Store:
    return Store(warehouse)


@pytest.fixture
def made(store: Store) -> Published:
    return gated_pairs(store)


def test_why_gives_the_ancestry_the_decisions_and_the_recipe(store: Store, made: Published) -> None:
    pair, document = ids_by_text(store, "gated")["b"], ids_by_text(store, "documents")["b"]
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
    assert found.recipes == (RecipeSlice("gated", named("3"), True, {}), RecipeSlice("pairs", named("2"), True, {}))


def test_trace_gives_what_was_made_from_a_row_down_to_exports(store: Store, made: Published) -> None:
    document, pair = ids_by_text(store, "documents")["a"], ids_by_text(store, "gated")["a"]
    record_export(store, made, Path("exports"), {})
    found = trace(store.database, document)
    assert found.by_kind == {"pair": [pair]}
    assert found.links == (Link(pair, document, "document"),)
    assert found.outcomes == {"documents": {"kept": 1}, "gated": {"kept": 1}, "pairs": {"kept": 1}}
    assert found.exports == (("gated", named("3"), "exports"),)
    assert trace(store.database, ids_by_text(store, "documents")["c"]).exports == ()


def test_diff_counts_other_outcomes_and_reasons_but_no_rank_that_moved(store: Store) -> None:
    def ranked(ranks: dict[str, int], outcome: str, reason: str) -> Result:
        gate = Gate(Document)
        for text, rank in ranks.items():
            gate.reject({"source": "wiki", "title": "", "text": text}, "beyond the budget", score=rank, cut=2)
        row = {"source": "wiki", "title": "", "text": "other"}
        (gate.reject if outcome == "rejected" else gate.fail)(row, reason)
        return gate.result()

    publish(store, "documents", "1", ranked({"a": 3, "b": 4, "c": 5}, "rejected", "too long"))
    publish(store, "documents", "2", ranked({"a": 4, "b": 5, "c": 5}, "rejected", "too short"))
    publish(store, "documents", "3", ranked({"a": 4, "b": 5, "c": 5}, "failed", "too short"))
    found = diff(store.database, named("1"), named("2"))
    assert [(row.before and row.before.reason, row.after and row.after.reason) for row in found.redecided] == [
        ("too long", "too short")
    ]
    assert (found.added, found.removed, found.rescored) == ((), (), 2)
    found = diff(store.database, named("2"), named("3"))
    assert [row.after and row.after.outcome for row in found.redecided] == ["failed"]
    assert found.rescored == 0


def test_diff_gives_added_removed_and_redecided_rows_with_the_reason(store: Store, made: Published) -> None:
    before = store.current("pairs")
    assert before is not None
    gated(store, before, "6", 2.0)
    found = diff(store.database, named("3"), "gated")
    assert (found.asset, found.before, found.after, found.because) == ("gated", named("3"), named("6"), ())
    (added,) = found.added
    assert added.record == ids_by_text(store, "pairs")["c"]
    assert (added.before, added.after) == (
        Decided("gated", named("3"), "rejected", "perplexity", 2.0, 1.0, None, False),
        Decided("gated", named("6"), "kept", None, 2.0, 2.0, None, True),
    )
    assert found.removed == ()
    # All other rows but the duplicate have another cut, which is no other decision.
    assert (found.redecided, found.rescored) == ((), 3)
    back = diff(store.database, "gated", named("3"))
    assert [row.record for row in back.removed] == [added.record]


def test_diff_gives_rows_of_one_version_alone_and_changed_inputs(store: Store, made: Published) -> None:
    fewer = publish(store, "documents", "4", documents("ab"))
    gated(store, publish(store, "pairs", "5", pairs(store, fewer), documents=fewer), "6", 0.0)
    found = diff(store.database, named("3"), named("6"))
    assert found.because == ("3 pairs removed",)
    assert [(row.says or {})["response"] for row in found.removed] == ["b"]
    assert {(row.says or {})["response"]: row.after for row in found.redecided if row.after is None} == {
        "c": None,
        "d": None,
        "twin of a": None,
    }
    with pytest.raises(UserError) as refused:
        diff(store.database, "documents", "gated")
    assert str(refused.value) == (
        f"{named('4')} is a version of documents, {named('6')} one of gated: give two versions of one asset"
    )


def test_an_id_may_be_shortened_if_it_is_unambiguous(store: Store, made: Published) -> None:
    publish(store, "other", "34", documents("z"))
    with store.database.read() as connection:
        assert find(connection, named("3")[:5], "version").name == "gated"
        with pytest.raises(NotFound) as unknown:
            find(connection, "abcdef", "record", "version")
        assert str(unknown.value) == "nothing is named 'abcdef': searched 12 records, 4 versions"
        with pytest.raises(NotFound, match="an id is at least 4 hex digits"):
            find(connection, "abc", "record")
    with store.database.write() as connection:
        connection.execute("INSERT INTO lineage.records VALUES ('abcd' || repeat('0', 28), 'pair', 'x', NULL)")
        connection.execute("INSERT INTO lineage.records VALUES ('abcd' || repeat('1', 28), 'pair', 'y', NULL)")
    with store.database.read() as connection, pytest.raises(UserError) as ambiguous:
        find(connection, "abcd", "record")
    assert str(ambiguous.value) == (
        f"'abcd' may be any of 2: abcd{'0' * 28} (pair x), abcd{'1' * 28} (pair y); give more of the id"
    )


def test_why_of_a_row_of_an_earlier_version_gives_its_decisions_and_recipes(store: Store, made: Published) -> None:
    gone = ids_by_text(store, "gated")["b"]
    fewer = publish(store, "documents", "4", documents("a"))
    target = Target("pairs", named("7"), 0, {}, {"curation.rows": 2}, {})
    store.publish(target, pairs(store, fewer), {}, Effort(), Run("run"))
    publish(store, "gated", "8", Gate(Pair).result())
    found = why(store.database, gone)
    assert [(one.asset, one.outcome, one.is_current) for one in found.nodes[gone].decided] == [
        ("gated", "kept", False),
        ("pairs", "kept", False),
    ]
    assert found.recipes == (RecipeSlice("gated", named("3"), False, {}), RecipeSlice("pairs", named("2"), False, {}))
    stays = ids_by_text(store, "pairs")["a"]
    assert why(store.database, stays).recipes == (RecipeSlice("pairs", named("7"), True, {"curation.rows": 2}),)


def asked(store: Store, budget: int, response: str, complete: bool = True, error: str | None = None) -> Call:
    """A call that a model answered, or failed at, within a budget."""

    def work(calls: list[Call]) -> list[Answer]:
        if error:
            raise RuntimeError(error)
        return [Answer({"text": response}, budget, 0.5, complete) for _ in calls]

    call = Call("completion", "b" * 32, {"text": "Why?"}, budget)
    Memo(store.database, f"engine {budget}").run([call], lambda calls: iter([(calls, work)]))
    return call


def test_every_answer_to_a_call_has_its_budget_and_whether_it_is_complete(store: Store) -> None:
    asked(store, 48, "So that it ends.")
    call = asked(store, 24, "So that", complete=False)
    says = why(store.database, call.key).nodes[call.key].says
    assert says is not None
    assert says["request"] == {"text": "Why?"}
    answers = [(one["response"]["text"], one["budget"], one["complete"], one["engine"]) for one in says["answers"]]
    assert answers == [("So that", 24, False, "engine 24"), ("So that it ends.", 48, True, "engine 48")]
    assert says["failures"] == []


def test_a_call_at_which_the_model_failed_is_found_with_its_request_and_its_error(store: Store) -> None:
    call = asked(store, 24, "", error="out of memory")
    asked(store, 24, "", error="out of memory again")
    gate = Gate(Pair)
    gate.fail({"instruction": "Why?"}, "out of memory", [(call.key, "call")])
    publish(store, "raw", "1", gate.result())
    ((row,),) = rows(store, "SELECT id FROM lineage.records")
    node = why(store.database, row).nodes[call.key]
    assert node.says is not None
    assert (node.kind, node.says["request"], node.says["answers"]) == ("completion", {"text": "Why?"}, [])
    assert [(one["error"], one["engine"]) for one in node.says["failures"]] == [
        ("RuntimeError: out of memory", "engine 24"),
        ("RuntimeError: out of memory again", "engine 24"),
    ]
    found = why(store.database, call.key[:9])
    assert (found.row.sort, found.row.id, found.row.kind) == ("call", call.key, "completion")
    asked(store, 24, "So that it ends.")
    with store.database.read() as connection:
        assert find(connection, call.key, "call") == found.row
        assert searched(connection, ["call"]) == "1 model calls"


def test_an_id_is_found_in_capitals_and_with_spaces_around_it(store: Store, made: Published) -> None:
    pair = ids_by_text(store, "gated")["b"]
    with store.database.read() as connection:
        for written in (pair.upper(), f" {pair}\n", f" {pair[:9].upper()} "):
            assert find(connection, written, "record").id == pair


def stored(store: Store, version: str, result: Result, attempt: int = 0, **inputs: str) -> Published:
    """Publish documents under a version with an attempt number, or with a digest of withdrawals among its inputs."""
    return store.publish(Target("documents", named(version), attempt, {}, {}, inputs), result, {}, Effort(), Run("run"))


def test_diff_tells_of_retries_and_how_many_rows_failed_before(store: Store) -> None:
    failing = Gate(Document)
    for word in "ab":
        failing.fail({"source": "wiki", "title": "", "text": word}, "timeout", [SOURCE])
    stored(store, "1", failing.result())
    stored(store, "2", documents("a"), attempt=1)
    found = diff(store.database, named("1"), named("2"))
    assert found.because == ("retry 1 instead of the first try, in which 2 rows failed",)
    assert diff(store.database, named("2"), named("1")).because == ("the first try instead of retry 1",)


def test_diff_counts_withdrawals_and_of_the_rows_of_inputs_as_a_plan_does(store: Store) -> None:
    read = stored(store, "1", documents("abc"))
    publish(store, "pairs", "a", pairs(store, read), documents=read)
    for gone, rest, version in (("a", "bc", "2"), ("b", "c", "3")):
        withdraw(store.database, find_affected(store.database, ids_by_text(store, "documents")[gone]), "asked for")
        applied = applied_digest(store.catalog().withdrawals.entries)
        read = stored(store, version, documents(rest), **{WITHDRAWALS: applied})
    publish(store, "pairs", "b", pairs(store, read), documents=read)
    for before, after, because in (
        ("1", "2", "1 document withdrawn"),
        ("2", "3", "1 document withdrawn"),
        ("1", "3", "2 documents withdrawn"),
        ("3", "1", "other withdrawals concern it"),
        ("3", "2", "other withdrawals concern it"),
        ("a", "b", "2 documents removed"),
    ):
        assert diff(store.database, named(before), named(after)).because == (because,)
    stored(store, "4", documents("c"), **{WITHDRAWALS: applied, "other": "f" * 32})
    assert diff(store.database, named("3"), named("4")).because == ("reads other now",)
    assert diff(store.database, named("4"), named("3")).because == ("reads other no more",)


def test_diff_of_a_misspelt_asset_lists_the_built_ones_with_the_most_similar_first(
    store: Store, made: Published
) -> None:
    with pytest.raises(NotFound) as unknown:
        diff(store.database, "gatde", "gated")
    assert str(unknown.value) == (
        "nothing is named 'gatde': searched 3 versions; the assets built here are gated, pairs, documents"
    )
    assert diff(store.database, " gated ", named("3").upper()).because == ()
    publish(store, "bed", "4", documents("a"))
    with pytest.raises(
        NotFound, match=r"^nothing is named 'beds': searched 4 versions; the assets built here are bed, "
    ):
        diff(store.database, "beds", "bed")
