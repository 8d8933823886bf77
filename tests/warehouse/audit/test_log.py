"""A version is only of use to people who can find it: by date, by what changed in it, and by where it was exported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from slingshot import app
from tests.support.versions import documents, named, publish
from warehouse.audit.finding import NotFound
from warehouse.audit.log import builds, versions_of
from warehouse.release.export import record_export
from warehouse.store.file_warehouse import FileWarehouse
from warehouse.store.published import Effort, Run, Target
from warehouse.store.versions import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two builds of "documents" with another count, and a third that goes back to the first."""
    store = Store(FileWarehouse(tmp_path / "slingshot.duckdb"))
    recipes = [Run(f"run {number}", json.dumps({"seed": 1, "documents": [{"count": number}]})) for number in (1, 2)]
    for number, run in enumerate(recipes, start=1):
        target = Target("documents", named(str(number)), 0, {"a.py": str(number)}, {"count": number}, {})
        kept = [f"text {one}" for one in range(number)]
        store.publish(target, documents(kept, ["no"]), {}, Effort(computed=3, tokens=40, seconds=2.0), run)
    first = store.catalog().stored["documents", named("1")]
    record_export(store, first, Path("/exports"), {"a.jsonl": "0" * 64})
    store.reuse(first, "restored", Effort(seconds=0.5), Run("run 3", recipes[0].recipe))
    return store


def test_versions_come_newest_first_with_rows_changes_and_exports(store: Store) -> None:
    new, old = versions_of(store.database, "documents")
    assert (new.version, new.kept, new.incoming, new.is_current, new.exported) == (named("2"), 2, 3, False, ())
    assert new.because == ("count 1 → 2", "code of a.py changed")
    assert (old.version, old.kept, old.incoming, old.is_current, old.exported) == (
        named("1"),
        1,
        2,
        True,
        ("/exports",),
    )
    assert old.because == ()
    assert old.created_at <= new.created_at
    with pytest.raises(NotFound, match=r"^the asset 'document' was not built here; did you mean 'documents'\?"):
        versions_of(store.database, "document")


def test_builds_come_newest_first_with_what_changed_in_the_recipe(store: Store) -> None:
    found = builds(store.database)
    assert [(one.run, one.built, one.restored, one.unchanged) for one in found] == [
        ("run 3", (), ("documents",), 0),
        ("run 2", ("documents",), (), 0),
        ("run 1", ("documents",), (), 0),
    ]
    assert [one.because for one in found] == [("documents.0.count 2 → 1",), ("documents.0.count 1 → 2",), ()]
    assert [(one.computed, one.tokens, one.seconds) for one in found] == [(0, 0, 0.5), (3, 40, 2.0), (3, 40, 2.0)]
    assert builds(FileWarehouse(store.database.folder / "none.duckdb")) == []


def test_the_command_shows_a_block_for_each_and_versions_that_diff_takes(store: Store) -> None:
    def shown(*words: str) -> list[str]:
        done = CliRunner().invoke(app, [*words, "--warehouse", str(store.database.folder)])
        assert done.exit_code == 0, done.output
        return str(done.output).splitlines()

    days = [f"{one.created_at:%Y-%m-%d %H:%M}" for one in versions_of(store.database, "documents")]
    assert shown("log", "documents") == [
        f"{days[0]}  222222222",
        "  2 of 3 rows kept",
        "  count 1 → 2",
        "  code of a.py changed",
        f"{days[1]}  111111111  current  exported to /exports",
        "  1 of 2 rows kept",
        "what changed in the rows: slingshot diff 111111111 222222222",
    ]
    assert shown("diff", "111111111", "222222222")[0] == (
        "documents, 111111111 → 222222222: 1 added, 0 removed, 0 with a changed decision"
    )
    ends = [f"{one.finished_at:%Y-%m-%d %H:%M}" for one in builds(store.database)]
    assert shown("log", "--limit", "2") == [
        f"{ends[0]}  1 restored in 0.5 s",
        "  documents.0.count 2 → 1",
        f"{ends[1]}  1 built in 2.0 s, 3 model calls, 40 tokens",
        "  documents.0.count 1 → 2",
        "  built: documents",
        "and 1 more; --limit shows them",
        "versions of an asset: slingshot log ASSET",
    ]
    assert [one["version"] for one in json.loads("\n".join(shown("log", "documents", "--json")))] == [
        named("2"),
        named("1"),
    ]
    assert [one["run"] for one in json.loads("\n".join(shown("log", "--limit", "1", "--json")))] == ["run 3"]


def test_many_files_of_code_are_one_line_unless_all_is_asked_for(store: Store) -> None:
    code = {f"{letter}.py": "3" for letter in "abc"}
    target = Target("documents", named("3"), 0, code, {"count": 2}, {})
    store.publish(target, documents("xyz"), {}, Effort(), Run("run 4"))
    shown = CliRunner().invoke(app, ["log", "documents", "--warehouse", str(store.database.folder)]).output
    assert "  code of 3 files changed\n" in shown
    whole = CliRunner().invoke(app, ["log", "documents", "--all", "--warehouse", str(store.database.folder)]).output
    assert "  code of a.py changed\n  code of b.py changed\n  code of c.py changed\n" in whole


def test_a_version_that_was_never_exported_and_an_empty_warehouse_are_shown_plainly(tmp_path: Path) -> None:
    store = Store(FileWarehouse(tmp_path / "slingshot.duckdb"))
    assert CliRunner().invoke(app, ["log", "--warehouse", str(tmp_path)]).output == "nothing was built here\n"
    publish(store, "documents", "1", documents("a"))
    shown = CliRunner().invoke(app, ["log", "documents", "--warehouse", str(tmp_path)]).output
    assert shown.splitlines()[0].endswith("  111111111  current")
