"""Most people see only the terminal output of an audit: no word of a text may be lost, cut texts must be marked, and
versions that are not current must be marked too."""

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
from warehouse.store.calls import Answer, Call
from warehouse.store.file_warehouse import FileWarehouse
from warehouse.store.memo import Memo
from warehouse.store.versions import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(FileWarehouse(tmp_path / "slingshot.duckdb"))


def output(store: Store, *words: str, code: int = 0) -> str:
    """The output of a command, with single spaces between words."""
    done = CliRunner().invoke(app, [*words, "--warehouse", str(store.database.path.parent)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code == code, done.output
    return on_one_line(done.output)


@pytest.mark.parametrize("title", ["A [red] fox", "Close [/b] tags", "A :fox: of [link=x]words"])
def test_texts_names_and_folders_that_look_like_markup_are_shown_completely(store: Store, title: str) -> None:
    gate = Gate(Document)
    gate.keep({"source": "wiki", "title": title, "text": title}, [SOURCE])
    gate.reject({"source": "wiki", "title": title, "text": f"{title} again"}, f"because {title}", [SOURCE])
    read = publish(store, "documents", "1", gate.result())
    record_export(store, read, Path(f"for {title}"), {})
    row = ids_by_text(store, "documents")[title]
    publish(store, f"arms/{title}", "2", pairs(store, read), documents=read)
    publish(store, "documents", "3", documents([f"{title} a"]))
    for command in (["recall", row, "--dry-run"], ["why", row], ["why-not", f"{title} again"], ["trace", row]):
        assert title in output(store, *command), command
    assert f"for {title}" in output(store, "recall", row, "--dry-run")
    assert f"for {title}" in output(store, "trace", row)
    assert f"arms/{title}" in output(store, "trace", row)
    assert f"arms/{title}, " in output(store, "diff", f"arms/{title}", named("2"))
    assert f"because {title}" in output(store, "ledger", "--every-version")
    assert title in output(store, "diff", named("1"), named("3"))


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
    shown = output(store, "why", call.key)
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


def test_why_of_a_row_of_an_earlier_version_shows_the_version(store: Store) -> None:
    publish(store, "documents", "1", documents("ab"))
    gone = ids_by_text(store, "documents")["a"]
    publish(store, "documents", "2", documents("b"))
    shown = output(store, "why", gone)
    assert "kept by documents (version 111111111, no longer current)" in shown
    assert "recipe for documents (version 111111111, no longer current)" in shown
    stays = output(store, "why", ids_by_text(store, "documents")["b"])
    assert "no longer current" not in stays
    assert "current recipe for documents" in stays


def test_why_not_says_how_many_more_rows_there_are(store: Store) -> None:
    publish(store, "documents", "1", documents([f"kept {number}" for number in range(23)]))
    assert output(store, "why-not", "kept").endswith("and 18 more; give a longer text or an id, or --limit")
    found = json.loads(output(store, "why-not", "kept", "--limit", "20", "--json"))
    assert (len(found["answers"]), found["more"]) == (20, 3)
    assert "more;" not in output(store, "why-not", "kept 22")
    assert output(store, "why-not", " ", code=1) == (
        "slingshot: a blank text is in many rows: give an id, or words from the row"
    )


def test_why_not_says_so_where_a_row_was_not_dropped(store: Store) -> None:
    publish(store, "documents", "1", documents(["stays"], ["goes"]))
    assert "this row was not dropped └── kept by documents" in output(store, "why-not", "stays")
    assert "not dropped" not in output(store, "why-not", "goes")


def test_trace_goes_down_only_and_refers_to_why_for_the_way_up(store: Store) -> None:
    publish(store, "documents", "1", documents("a"))
    row = ids_by_text(store, "documents")["a"]
    assert output(store, "trace", row) == output(store, "trace", row, "--down")
    assert output(store, "trace", row, "--up", code=1) == (
        f"slingshot: trace only goes down; to see what it was made from: slingshot why {row}"
    )


def test_cut_texts_end_in_a_mark_and_complete_ones_do_not() -> None:
    assert [shortened("abcd", most) for most in (5, 4, 3, 1)] == ["abcd", "abcd", "ab…", "…"]
    assert on_one_line(" a\n\tb  c ") == "a b c"
    assert (listed("abc", 3), listed("abcd", 3), listed([])) == ("a, b, c", "a, b, c and 1 more", "")
