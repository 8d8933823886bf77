"""The answer to why a row is missing is the rule that dropped it. Only rows with the given id or text are answers."""

from __future__ import annotations

import pytest

from tests.support.versions import documents, gated_pairs, ids_by_text, named, publish
from warehouse.audit.finding import NotFound
from warehouse.audit.nodes import Decided, nodes
from warehouse.audit.why_not import WhyNot, quarantined, why_not
from warehouse.core.errors import UserError
from warehouse.results.result import Gate
from warehouse.schema.records import Pair
from warehouse.store.published import Published
from warehouse.store.versions import Store
from warehouse.store.warehouse import Warehouse


@pytest.fixture
def store(warehouse: Warehouse) -> Store:
    return Store(warehouse)


@pytest.fixture
def made(store: Store) -> Published:
    return gated_pairs(store)


def test_why_not_gives_the_rule_the_score_and_the_cut(store: Store, made: Published) -> None:
    rejected = ids_by_text(store, "pairs")["c"]
    (answer,) = why_not(store.database, rejected).answers
    assert answer.dropped == (Decided("gated", named("3"), "rejected", "perplexity", 2.0, 1.0, None, True),)
    assert [one.asset for one in answer.kept] == ["pairs"]


def test_why_not_finds_a_row_by_its_text_and_its_original(store: Store, made: Published) -> None:
    answers = why_not(store.database, "twin of a").answers
    assert [(answer.row.kind, [one.outcome for one in answer.dropped]) for answer in answers] == [
        ("pair", ["duplicate"]),
        ("document", []),
    ]
    (twin,) = answers[0].twins.values()
    assert twin.id == ids_by_text(store, "pairs")["a"] == answers[0].dropped[0].duplicate_of
    assert twin.says is not None
    assert twin.says["response"] == "a"


def test_why_not_finds_what_was_never_kept_and_part_of_a_text(store: Store, made: Published) -> None:
    (answer,) = why_not(store.database, "lost").answers
    assert answer.row.says == {"source": "wiki", "title": "", "text": "lost"}
    assert [(one.asset, one.reason) for one in answer.dropped] == [("documents", "too short")]
    assert [answer.row.id for answer in why_not(store.database, "LOS").answers] == [answer.row.id]
    with pytest.raises(NotFound) as unknown:
        why_not(store.database, "100%_of it")
    assert str(unknown.value) == ("no row has the id or contains the text '100%_of it': searched 11 records")


def test_why_not_gives_decisions_of_earlier_versions(store: Store, made: Published) -> None:
    gone = ids_by_text(store, "documents")["d"]
    publish(store, "documents", "4", documents("ab"))
    (answer,) = why_not(store.database, gone).answers
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
    with pytest.raises(NotFound) as unknown:
        quarantined(store.database, "other")
    assert str(unknown.value) == "the asset 'other' was not built here; the assets built here are: raw"


def test_why_not_searches_texts_but_not_keys_of_rows_that_were_never_kept(store: Store, made: Published) -> None:
    gate = Gate(Pair)
    gate.quarantine({"row": {"Title": ['A "Quoted" word\n', 3]}}, "absent", [("5" * 32, "source")])
    publish(store, "raw", "1", gate.result())
    for key in ("title", "Title", "row", "n"):
        assert "raw" not in {one.row.asset for one in _answers(store, key)}, key
    for part in ('A "Quoted" word\n', '"quoted"', "WORD\n"):
        assert [one.row.asset for one in _answers(store, part)] == ["raw"], part
    publish(store, "other", "1", documents([], rejected=["Lost", "lost and found"]))
    found = [one.row.says for one in _answers(store, "lost")]
    assert found == [{"source": "wiki", "title": "", "text": "lost"}]


def _answers(store: Store, asked_about: str) -> tuple[WhyNot, ...]:
    try:
        return why_not(store.database, asked_about).answers
    except NotFound:
        return ()


def test_why_not_of_a_blank_text_is_refused(store: Store, made: Published) -> None:
    for blank in ("", " \n"):
        with pytest.raises(UserError) as refused:
            why_not(store.database, blank)
        assert str(refused.value) == "a blank text is in many rows: give an id, or words from the row"


def test_why_not_shows_dropped_rows_first_and_counts_the_rows_beyond_the_limit(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(
        store, "documents", "1", documents([f"kept {n:02}" for n in range(30)], [f"not kept {n}" for n in range(5)])
    )
    loaded: list[int] = []
    monkeypatch.setattr(
        "warehouse.audit.why_not.nodes", lambda connection, ids: loaded.append(len(ids)) or nodes(connection, ids)
    )
    found = why_not(store.database, "kept", 20)
    assert (len(found.answers), found.more, loaded) == (20, 15, [20, 0])
    assert [bool(one.dropped) for one in found.answers] == [True] * 5 + [False] * 15
    found = why_not(store.database, "kept")
    assert (len(found.answers), found.more) == (5, 30)
    assert why_not(store.database, "kept 29").more == 0


def test_the_rows_of_which_the_text_is_the_largest_part_come_first(store: Store) -> None:
    texts = ["tell me about tea and about jam", "Tell me about tea", "so tell me about tea", "so much of tea"]
    publish(store, "documents", "1", documents(texts, [f"{text}, please" for text in texts]))
    found = [one.row.says["text"] for one in why_not(store.database, "me about tea", 9).answers if one.row.says]
    assert found == [
        "Tell me about tea, please",
        "so tell me about tea, please",
        "tell me about tea and about jam, please",
        "Tell me about tea",
        "so tell me about tea",
        "tell me about tea and about jam",
    ]
