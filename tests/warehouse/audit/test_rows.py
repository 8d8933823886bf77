"""People judge a dataset by reading its rows, also those that a gate dropped: each row must come with its own texts and
decision, and a filter must leave out exactly the others."""

from __future__ import annotations

import re

import pytest

from tests.support.versions import documents, gated_pairs, ids_by_text, publish
from warehouse.audit.finding import NotFound
from warehouse.audit.row_query import BadCondition, Wanted
from warehouse.audit.rows import find_rows
from warehouse.core.errors import UserError
from warehouse.results.result import Gate
from warehouse.schema.records import Document, Quality
from warehouse.store.versions import Store
from warehouse.store.warehouse import Warehouse


@pytest.fixture
def store(warehouse: Warehouse) -> Store:
    return Store(warehouse)


@pytest.fixture
def gated(store: Store) -> Store:
    """The asset "gated" keeps the pairs a and b, rejects c and d, and finds a duplicate of a."""
    gated_pairs(store)
    return store


def responses(store: Store, asset: str = "gated", **wanted: object) -> list[str]:
    return find_rows(store, asset, Wanted(**wanted)).frame["response"].to_list()  # type: ignore[arg-type]


def test_kept_rows_come_first_and_all_outcomes_are_shown_and_counted(gated: Store) -> None:
    found = find_rows(gated, "gated", Wanted())
    assert (found.asset, found.version, found.kind) == ("gated", "3" * 32, "pair")
    assert found.outcomes == {"kept": 2, "rejected": 2, "duplicate": 1}
    assert found.matching == 5
    columns = ["response", "outcome", "reason", "score", "cut", "other"]
    assert found.frame.select(columns).rows() == [
        ("a", "kept", None, 0.0, 1.0, None),
        ("b", "kept", None, 1.0, 1.0, None),
        ("c", "rejected", "perplexity", 2.0, 1.0, None),
        ("d", "rejected", "perplexity", 3.0, 1.0, None),
        ("twin of a", "duplicate", "similar instruction", 0.95, 0.9, None),
    ]
    assert found.frame["duplicate_of"].to_list()[-1] == ids_by_text(gated, "pairs")["a"]


def test_a_row_that_was_never_kept_has_its_texts_too(gated: Store) -> None:
    found = find_rows(gated, "documents", Wanted(["rejected"]))
    (row,) = found.frame.to_dicts()
    assert (row["text"], row["source"], row["reason"], row["other"]) == ("lost", "wiki", "too short", None)
    assert (found.outcomes, found.matching) == ({"kept": 5, "rejected": 1}, 1)


def test_quarantined_and_failed_rows_are_shown_with_what_they_say(store: Store) -> None:
    gate = Gate(Document)
    gate.quarantine({"row": {"title": "x"}}, "field 'text' is absent or empty", [("5" * 32, "source")])
    gate.fail({"source": "wiki", "title": "t", "text": "ask again"}, "too slow", [("5" * 32, "source")])
    publish(store, "documents", "1", gate.result())
    failed, quarantined = find_rows(store, "documents", Wanted()).frame.to_dicts()
    assert (failed["outcome"], failed["reason"], failed["text"], failed["other"]) == (
        "failed",
        "too slow",
        "ask again",
        None,
    )
    assert quarantined["reason"] == "field 'text' is absent or empty"
    assert (quarantined["text"], quarantined["other"]) == (None, '{"row":{"title":"x"}}')


def test_each_filter_leaves_out_the_other_rows(gated: Store) -> None:
    assert responses(gated, outcomes=["rejected", "duplicate"]) == ["c", "d", "twin of a"]
    assert responses(gated, reason="SIMILAR") == ["twin of a"]
    assert responses(gated, where="score BETWEEN 1 AND 2") == ["b", "c"]
    assert responses(gated, where="response LIKE '%a' -- kept or not") == ["a", "twin of a"]
    assert responses(gated, outcomes=["rejected"], where="score > 2") == ["d"]
    assert responses(gated, limit=1) == ["a"]
    assert find_rows(gated, "gated", Wanted(limit=1)).matching == 5


def test_rows_drawn_at_random_match_and_are_the_same_for_the_same_seed(gated: Store) -> None:
    drawn = [responses(gated, outcomes=["kept", "rejected"], random=2, seed=seed) for seed in range(20)]
    assert drawn == [responses(gated, outcomes=["kept", "rejected"], random=2, seed=seed) for seed in range(20)]
    assert {len(set(rows)) for rows in drawn} == {2}
    assert {row for rows in drawn for row in rows} == {"a", "b", "c", "d"}
    assert set(responses(gated, random=9)) == {"a", "b", "c", "d", "twin of a"}


def test_the_scores_that_other_assets_gave_a_row_come_with_it(gated: Store) -> None:
    found = find_rows(gated, "pairs", Wanted(where="response = 'c'"))
    ((row, scores),) = found.scores.items()
    assert row == ids_by_text(gated, "pairs")["c"]
    assert [(one.asset, one.outcome, one.score, one.cut) for one in scores] == [("gated", "rejected", 2.0, 1.0)]
    assert find_rows(gated, "gated", Wanted(limit=1)).scores == {ids_by_text(gated, "pairs")["a"]: ()}


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("scroe > 1", "Binder Error"),
        ("score >", "Parser Error"),
        ("true); DELETE FROM lineage.current; SELECT (1", "must be one SQL expression"),
        ("score > ?", "Error"),
    ],
)
def test_a_condition_that_cannot_be_used_is_a_clear_error(gated: Store, condition: str, message: str) -> None:
    with pytest.raises(BadCondition, match=rf"^the condition [\s\S]*{message}"):
        find_rows(gated, "gated", Wanted(where=condition))
    assert len(find_rows(gated, "gated", Wanted()).frame) == 5


def test_an_arm_is_the_end_of_a_name_or_a_column_of_the_rows(store: Store) -> None:
    for version, arm in enumerate("ab", start=1):
        publish(store, f"training_sets/{arm}", str(version), documents([f"of {arm}"]))
    publish(store, "documents", "3", documents(["any"]))
    gate = Gate(Quality)
    for arm in "ab":
        gate.keep({"arm": arm, "measure": "m", "value": 1.0, "unit": "", "rows": 2})
    publish(store, "quality", "4", gate.result())
    assert find_rows(store, "training_sets", Wanted(arm="b")).frame["text"].to_list() == ["of b"]
    assert find_rows(store, "training_sets/b", Wanted(arm="b")).asset == "training_sets/b"
    assert find_rows(store, "quality", Wanted(arm="b")).frame["arm"].to_list() == ["b"]
    for asset, arm, message in (
        ("documents", "b", "the rows of documents belong to no arm; assets of this arm: training_sets/b"),
        ("training_sets", None, "'training_sets' is no asset; it stands for training_sets/a, training_sets/b"),
        ("documnts", None, "the asset 'documnts' was not built here; did you mean 'documents'?"),
    ):
        with pytest.raises(NotFound, match=f"^{re.escape(message)}"):
            find_rows(store, asset, Wanted(arm=arm))
    with pytest.raises(UserError, match=r"^there is no outcome 'dropped'; "):
        find_rows(store, "documents", Wanted(["dropped"]))


def test_an_empty_warehouse_says_that_the_asset_was_not_built(store: Store) -> None:
    with pytest.raises(NotFound, match=r"^the asset 'documents' was not built here$"):
        find_rows(store, "documents", Wanted())


def test_pages_of_a_search_are_in_the_order_that_is_wanted(gated: Store) -> None:
    assert responses(gated, text="TWIN") == ["twin of a"]
    assert responses(gated, text="twin", where="outcome = 'kept'") == []
    assert responses(gated, reasons=["similar"]) == []
    assert responses(gated, reasons=["perplexity", "similar instruction"], least=0.95, most=2) == ["c", "twin of a"]
    assert responses(gated, order="cut", limit=3) == ["b", "twin of a", "a"]
    in_order = responses(gated, order="position")
    assert sorted(in_order) == ["a", "b", "c", "d", "twin of a"]
    assert [responses(gated, order="position", limit=2, start=start) for start in (0, 2, 4)] == [
        in_order[:2],
        in_order[2:4],
        in_order[4:],
    ]
    assert set(responses(gated, text="twin", random=3)) == {"twin of a"}
