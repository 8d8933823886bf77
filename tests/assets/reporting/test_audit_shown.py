"""What a terminal shows of an audit is all that most people read of it: no word of a text may be lost, nothing may be
cut in silence, and what is no longer in force must say so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from slingshot import app
from tests.support.versions import SOURCE, documents, ids_by_text, named, pairs, publish
from warehouse.core.texts import listed, on_one_line, shortened
from warehouse.release.export import record_export
from warehouse.results.result import Gate
from warehouse.schema.records import Document
from warehouse.store.database import Database
from warehouse.store.memo import Answer, Call, Memo
from warehouse.store.versions import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(Database(tmp_path / "slingshot.duckdb"))


def said(store: Store, *words: str, code: int = 0) -> str:
    """What a command prints, with single spaces between words."""
    told = CliRunner().invoke(app, [*words, "--warehouse", str(store.database.path.parent)])
    assert told.exception is None or isinstance(told.exception, SystemExit), told.exception
    assert told.exit_code == code, told.output
    return on_one_line(told.output)


@pytest.mark.parametrize("title", ["A [red] fox", "Close [/b] tags", "A :fox: of [link=x]words"])
def test_texts_names_and_folders_that_look_like_markup_are_shown_whole(store: Store, title: str) -> None:
    gate = Gate(Document)
    gate.keep({"source": "wiki", "title": title, "text": title}, [SOURCE])
    gate.reject({"source": "wiki", "title": title, "text": f"{title} again"}, f"because {title}", [SOURCE])
    read = publish(store, "documents", "1", gate.result())
    record_export(store, read, Path(f"for {title}"), {})
    row = ids_by_text(store, "documents")[title]
    publish(store, f"arms/{title}", "2", pairs(store, read), documents=read)
    publish(store, "documents", "3", documents([f"{title} a"]))
    for command in (["recall", row, "--dry-run"], ["why", row], ["why-not", f"{title} again"], ["trace", row]):
        assert title in said(store, *command), command
    assert f"for {title}" in said(store, "recall", row, "--dry-run")
    assert f"for {title}" in said(store, "trace", row)
    assert f"arms/{title}" in said(store, "trace", row)
    assert f"arms/{title}, " in said(store, "diff", f"arms/{title}", named("2"))
    assert f"because {title}" in said(store, "ledger", "--every-version")
    assert title in said(store, "diff", named("1"), named("3"))


def test_every_answer_and_failure_of_a_call_is_shown(store: Store) -> None:
    def answer(response: str, budget: int, complete: bool) -> Call:
        call = Call("completion", "b" * 32, {"text": "Why?"}, budget)
        answered = Answer({"text": response}, budget, 0.5, complete)
        Memo(store.database, "llama").run([call], lambda calls: iter([(calls, lambda calls: [answered])]))
        return call

    def fail(calls: list[Call]) -> list[Answer]:
        raise RuntimeError("out of [memory]")

    answer("So that it ends.", 48, True)
    call = answer("So that", 24, False)
    Memo(store.database, "vllm").run(
        [Call("completion", "b" * 32, {"text": "Why?"}, 12)], lambda calls: iter([(calls, fail)])
    )
    shown = said(store, "why", call.key)
    places = [
        shown.index(part)
        for part in (
            "asked: Why?",
            "answered: So that ├── by llama on",
            "cut off at its budget of 24 tokens",
            "answered: So that it ends. ├── by llama on",
            "within a budget of 48 tokens",
            "failed: RuntimeError: out of [memory] ├── by vllm on",
        )
    ]
    assert places == sorted(places)


def test_why_of_a_row_no_longer_in_force_says_by_which_version_it_was_decided(store: Store) -> None:
    publish(store, "documents", "1", documents("ab"))
    gone = ids_by_text(store, "documents")["a"]
    publish(store, "documents", "2", documents("b"))
    shown = said(store, "why", gone)
    assert "kept by documents (version 111111111, no longer current)" in shown
    assert "recipe for documents (version 111111111, no longer current)" in shown
    stays = said(store, "why", ids_by_text(store, "documents")["b"])
    assert "no longer current" not in stays
    assert "current recipe for documents" in stays


def test_why_not_says_how_many_more_rows_there_are(store: Store) -> None:
    publish(store, "documents", "1", documents([f"kept {number}" for number in range(23)]))
    assert said(store, "why-not", "kept").endswith("and 3 more; give a longer text, or an id")
    found = json.loads(said(store, "why-not", "kept", "--json"))
    assert (len(found["answers"]), found["more"]) == (20, 3)
    assert "more;" not in said(store, "why-not", "kept 22")
    assert said(store, "why-not", " ", code=1) == (
        "slingshot: a blank text is in many rows: give an id, or words from the row"
    )


def test_trace_goes_down_alone_and_says_where_up_is_told(store: Store) -> None:
    publish(store, "documents", "1", documents("a"))
    row = ids_by_text(store, "documents")["a"]
    assert said(store, "trace", row) == said(store, "trace", row, "--down")
    assert said(store, "trace", row, "--up", code=1) == (
        f"slingshot: trace only goes down; to see what it was made from: slingshot why {row}"
    )


def test_what_is_cut_ends_in_a_mark_and_what_fits_does_not() -> None:
    assert [shortened("abcd", most) for most in (5, 4, 3, 1)] == ["abcd", "abcd", "ab…", "…"]
    assert on_one_line(" a\n\tb  c ") == "a b c"
    assert (listed("abc", 3), listed("abcd", 3), listed([])) == ("a, b, c", "a, b, c and 1 more", "")
